/** Milliseconds of a `google.protobuf.Duration`. */
export function toMs(seconds: number, nanos: number): number {
  return seconds * 1000 + nanos / 1e6;
}

/** The whole seconds in a span of milliseconds. */
export function secondsOf(ms: number): number {
  return Math.trunc(ms / 1000);
}

/** The remainder of a span of milliseconds beyond {@link secondsOf}, in nanoseconds. */
export function nanosOf(ms: number): number {
  const nanos = Math.round((ms - secondsOf(ms) * 1000) * 1e6);
  return Math.max(-MAX_NANOS, Math.min(nanos, MAX_NANOS));
}

const MAX_NANOS = 999_999_999;
