/**
 * Resolves once `holds` returns true. Checks on every turn of the event loop; the test's own
 * timeout bounds it.
 */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}
