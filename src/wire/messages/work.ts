import type { KeptBytes } from "../../base/bytes.js";
import {
  appendWorkRequest,
  appendWorkResponse,
  type HubEvent,
  type HubEventInit,
  readWorkRequest,
  readWorkResponse,
  type WorkerEvent,
  type WorkerEventInit,
} from "../../gen/gibbs/v1/worker_codec.js";
import { ByteReader } from "../../protobuf/byte-reader.js";
import { encodeBatches, MAX_BATCH_BYTES } from "./batch.js";
import { metadataBytes } from "./metadata.js";

export type {
  HubEvent,
  HubEventInit,
  Job,
  Result,
  WorkerEvent,
  WorkerEventInit,
} from "../../gen/gibbs/v1/worker_codec.js";
export {
  Execution as WireExecution,
  type Failure,
  HeartbeatMode,
  type Hello,
  Idempotency,
  type Nack,
  type Welcome,
  WorkerService,
} from "../../gen/gibbs/v1/worker_pb.js";

/** Upper bound for the size of the rest of an event: tags, lengths, two names of 256 characters. */
const EVENT_OVERHEAD_BYTES = 2048;

/**
 * Encodes hub events into as few `gibbs.v1.WorkResponse` messages as the batch size and the
 * worker's receive limit allow.
 */
export function encodeHubEvents(
  events: readonly HubEventInit<KeptBytes>[],
  maxReceiveBytes: number = MAX_BATCH_BYTES,
): Buffer[] {
  const maxBytes = Math.min(MAX_BATCH_BYTES, maxReceiveBytes);
  return encodeBatches(events, maxBytes, hubEventBytes, appendWorkResponse);
}

/** Encodes worker events into as few `gibbs.v1.WorkRequest` messages as the batch size allows. */
export function encodeWorkerEvents(events: readonly WorkerEventInit[]): Buffer[] {
  return encodeBatches(events, MAX_BATCH_BYTES, workerEventBytes, appendWorkRequest);
}

/**
 * Decodes the events of a `gibbs.v1.WorkRequest`.
 *
 * @throws Error if the bytes are not such a message.
 */
export function decodeWorkRequest(encoded: Uint8Array): WorkerEvent[] {
  return readWorkRequest(new ByteReader(encoded));
}

/**
 * Decodes the events of a `gibbs.v1.WorkResponse`.
 *
 * @throws Error if the bytes are not such a message.
 */
export function decodeWorkResponse(encoded: Uint8Array): HubEvent[] {
  return readWorkResponse(new ByteReader(encoded));
}

function hubEventBytes(event: HubEventInit<KeptBytes>): number {
  if (event.case !== "job") return EVENT_OVERHEAD_BYTES;
  const { payload, metadata } = event.value;
  return EVENT_OVERHEAD_BYTES + payload.length + metadataBytes(metadata);
}

function workerEventBytes(event: WorkerEventInit): number {
  if (event.case !== "result" || event.value.outcome.case !== "payload") {
    return EVENT_OVERHEAD_BYTES;
  }
  return EVENT_OVERHEAD_BYTES + event.value.outcome.value.length;
}
