/**
 * Until the returned function is called, the first SIGTERM or SIGINT calls
 * `drain`, and the next one calls `force`.
 */
export function onShutdownSignals(drain: () => void, force: () => void): () => void {
  let signalled = false;
  const onSignal = (): void => {
    if (signalled) return force();
    signalled = true;
    drain();
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  return () => {
    process.off("SIGTERM", onSignal);
    process.off("SIGINT", onSignal);
  };
}
