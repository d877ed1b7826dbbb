/**
 * Milliseconds on the clock that all processes of this machine share and that
 * never steps (CLOCK_MONOTONIC), for spans that begin in one process and end in
 * another. `performance.now` counts from the start of its own process.
 */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
