import { create } from "@bufbuild/protobuf";
import { type Duration, DurationSchema } from "@bufbuild/protobuf/wkt";

/** A span of milliseconds as a `google.protobuf.Duration`, to the nanosecond. */
export function toDuration(ms: number): Duration {
  const seconds = Math.floor(ms / 1000);
  const nanos = Math.min(Math.max(0, Math.round((ms - seconds * 1000) * 1e6)), 999_999_999);
  return create(DurationSchema, { seconds: BigInt(seconds), nanos });
}

/** Milliseconds of a `google.protobuf.Duration`. */
export function fromDuration(duration: { seconds: bigint | number; nanos: number }): number {
  return Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}
