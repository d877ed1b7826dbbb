import { create } from "@bufbuild/protobuf";
import { type Duration, DurationSchema } from "@bufbuild/protobuf/wkt";
import { nanosOf, secondsOf, toMs } from "../../protobuf/duration.js";

/** A span of milliseconds as a `google.protobuf.Duration`, to the nanosecond. */
export function toDuration(ms: number): Duration {
  return create(DurationSchema, { seconds: BigInt(secondsOf(ms)), nanos: nanosOf(ms) });
}

/** The milliseconds in a `google.protobuf.Duration`. */
export function fromDuration({ seconds, nanos }: Pick<Duration, "seconds" | "nanos">): number {
  return toMs(Number(seconds), nanos);
}
