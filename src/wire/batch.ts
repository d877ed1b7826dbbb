import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  type HubEventSchema,
  type WorkerEventSchema,
  WorkRequestSchema,
  WorkResponseSchema,
} from "../gen/gibbs/v1/worker_pb.js";
import { asBuffer } from "./bytes.js";

/** An event of the hub as it is written: `{ case: "job", value: { ... } }`. */
export type HubEventInit = NonNullable<MessageInitShape<typeof HubEventSchema>["event"]>;

/** An event of a worker as it is written: `{ case: "ready", value: { slots: 1 } }`. */
export type WorkerEventInit = NonNullable<MessageInitShape<typeof WorkerEventSchema>["event"]>;

/** A batch is closed at this size; a larger event travels alone. */
export const MAX_BATCH_BYTES: number = 256 * 1024;

// What an event takes on the wire beside what is counted, at most: its fields'
// tags and lengths, and two names of 256 characters.
const EVENT_OVERHEAD_BYTES = 2048;

/**
 * Encodes events of the hub into as few messages as the batch size and what the
 * worker can receive allow.
 */
export function encodeHubEvents(
  events: readonly HubEventInit[],
  maxReceiveBytes: number = MAX_BATCH_BYTES,
): Buffer[] {
  const maxBytes = Math.min(MAX_BATCH_BYTES, maxReceiveBytes);
  return batches(events, maxBytes, (event) => {
    if (event.case !== "job") return 0;
    const { payload, metadata = [] } = event.value;
    return metadata.reduce((sum, entry) => sum + sizeOf(entry.value) + 300, sizeOf(payload));
  }).map((batch) => {
    const message = create(WorkResponseSchema, { events: batch.map((event) => ({ event })) });
    return asBuffer(toBinary(WorkResponseSchema, message));
  });
}

/** Encodes events of a worker into as few messages as the batch size allows. */
export function encodeWorkerEvents(events: readonly WorkerEventInit[]): Buffer[] {
  return batches(events, MAX_BATCH_BYTES, (event) =>
    event.case === "result" && event.value.outcome?.case === "payload"
      ? sizeOf(event.value.outcome.value)
      : 0,
  ).map((batch) => {
    const message = create(WorkRequestSchema, { events: batch.map((event) => ({ event })) });
    return asBuffer(toBinary(WorkRequestSchema, message));
  });
}

/** The bytes of what may be absent. */
export function sizeOf(bytes: Uint8Array | undefined): number {
  return bytes?.length ?? 0;
}

/** Cuts `events`, with their payloads' sizes, into batches of at most `maxBytes`. */
export function batches<E>(
  events: readonly E[],
  maxBytes: number,
  payloadBytes: (event: E) => number,
): E[][] {
  const all: E[][] = [];
  let batch: E[] = [];
  let bytes = 0;
  for (const event of events) {
    const size = payloadBytes(event) + EVENT_OVERHEAD_BYTES;
    if (batch.length > 0 && bytes + size > maxBytes) {
      all.push(batch);
      batch = [];
      bytes = 0;
    }
    batch.push(event);
    bytes += size;
  }
  if (batch.length > 0) all.push(batch);
  return all;
}
