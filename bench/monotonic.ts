/**
 * Milliseconds on the monotonic clock that all processes of this machine share (CLOCK_MONOTONIC),
 * for intervals that start in one process and end in another. `performance.now` counts from the
 * start of its own process.
 */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
