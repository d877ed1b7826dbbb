import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  type HubEvent as AnyHubEvent,
  type WorkerEvent as AnyWorkerEvent,
  HubEventSchema,
  WorkerEventSchema,
} from "../gen/gibbs/v1/worker_pb.js";
import { decodeBatch, encodeBatches, MAX_BATCH_BYTES } from "./batch.js";
import type { ByteReader } from "./byte-reader.js";
import type { ByteWriter } from "./byte-writer.js";
import type { KeptBytes } from "./bytes.js";
import { type MetadataEntry, metadataBytes, readMetadataEntry, writeMetadata } from "./metadata.js";
import { WireType } from "./wire-type.js";

// Jobs, answers and ready, of which every request has one each, are written and
// read here by hand; all other events by protobuf-es. A test holds both alike.

export {
  Execution as WireExecution,
  type Failure,
  HeartbeatMode,
  type Hello,
  Idempotency,
  type Nack,
  type Welcome,
  WorkerService,
} from "../gen/gibbs/v1/worker_pb.js";

type Plain<T> = Omit<T, "$typeName" | "$unknown">;
type Event<T extends { event: { case: unknown } }, C> = Extract<T["event"], { case: C }>;

/** A `gibbs.v1.Job`. */
export interface Job<Payload extends KeptBytes = Uint8Array> {
  jobId: number;
  method: string;
  payload: Payload;
  attempt: number;
  timeoutMs?: number | undefined;
  metadata: MetadataEntry[];
  requestId: string;
}

/** A `gibbs.v1.Result`. */
export type Result = Plain<Event<AnyWorkerEvent, "result">["value"]>;

/** An event of the hub as it is read. */
export interface HubEvent {
  event: { case: "job"; value: Job } | Exclude<AnyHubEvent["event"], { case: "job" }>;
}

/** An event of a worker as it is read. */
export interface WorkerEvent {
  event:
    | { case: "result"; value: Result }
    | { case: "ready"; value: { slots: number } }
    | Exclude<AnyWorkerEvent["event"], { case: "result" | "ready" }>;
}

/** An event of the hub as it is written: `{ case: "job", value: { ... } }`. */
export type HubEventInit<Payload extends KeptBytes = Uint8Array> =
  | { case: "job"; value: Job<Payload> }
  | Exclude<NonNullable<MessageInitShape<typeof HubEventSchema>["event"]>, { case: "job" }>;

/** An event of a worker as it is written: `{ case: "ready", value: { slots: 1 } }`. */
export type WorkerEventInit = NonNullable<MessageInitShape<typeof WorkerEventSchema>["event"]>;

/** What an event takes beside what is counted, at most: tags, lengths, two names of 256 characters. */
const EVENT_OVERHEAD_BYTES = 2048;

/**
 * Encodes events of the hub into as few `gibbs.v1.WorkResponse` as the batch size
 * and what the worker can receive allow.
 */
export function encodeHubEvents(
  events: readonly HubEventInit<KeptBytes>[],
  maxReceiveBytes: number = MAX_BATCH_BYTES,
): Buffer[] {
  const maxBytes = Math.min(MAX_BATCH_BYTES, maxReceiveBytes);
  return encodeBatches(events, maxBytes, hubEventBytes, writeHubEvent);
}

/** Encodes events of a worker into as few `gibbs.v1.WorkRequest` as the batch size allows. */
export function encodeWorkerEvents(events: readonly WorkerEventInit[]): Buffer[] {
  return encodeBatches(events, MAX_BATCH_BYTES, workerEventBytes, writeWorkerEvent);
}

/**
 * The events of an encoded `gibbs.v1.WorkRequest`.
 *
 * @throws Error if the bytes are no such message.
 */
export function decodeWorkRequest(encoded: Uint8Array): WorkerEvent[] {
  return decodeBatch(encoded, readWorkerEvent);
}

/**
 * The events of an encoded `gibbs.v1.WorkResponse`.
 *
 * @throws Error if the bytes are no such message.
 */
export function decodeWorkResponse(encoded: Uint8Array): HubEvent[] {
  return decodeBatch(encoded, readHubEvent);
}

function hubEventBytes(event: HubEventInit<KeptBytes>): number {
  if (event.case !== "job") return EVENT_OVERHEAD_BYTES;
  const { payload, metadata } = event.value;
  return EVENT_OVERHEAD_BYTES + payload.length + metadataBytes(metadata);
}

function workerEventBytes(event: WorkerEventInit): number {
  if (event.case !== "result" || event.value.outcome?.case !== "payload") {
    return EVENT_OVERHEAD_BYTES;
  }
  return EVENT_OVERHEAD_BYTES + event.value.outcome.value.length;
}

function writeHubEvent(writer: ByteWriter, event: HubEventInit<KeptBytes>): void {
  if (event.case !== "job") {
    const bytes = toBinary(HubEventSchema, create(HubEventSchema, { event }));
    return writer.presentBytes(1, bytes);
  }
  const { jobId, method, payload, attempt, timeoutMs, metadata, requestId } = event.value;
  writer.reserve(payload.length + metadataBytes(metadata), method.length + requestId.length);
  const guess = payload.length + method.length + requestId.length + 16;
  writer.begin(1, guess + 4);
  writer.begin(2, guess);
  writer.uint32(1, jobId);
  writer.string(2, method);
  writer.bytes(3, payload);
  writer.uint32(4, attempt);
  if (timeoutMs !== undefined) writer.presentUint32(5, timeoutMs);
  writeMetadata(writer, 6, metadata);
  writer.string(7, requestId);
  writer.end();
  writer.end();
}

function writeWorkerEvent(writer: ByteWriter, event: WorkerEventInit): void {
  if (event.case === "ready") {
    writer.begin(1, 8);
    writer.begin(2, 6);
    writer.uint32(1, event.value.slots ?? 0);
    writer.end();
    return writer.end();
  }
  if (event.case === "result" && event.value.outcome?.case === "payload") {
    const { jobId = 0, outcome } = event.value;
    writer.reserve(outcome.value.length, 0);
    const guess = outcome.value.length + 10;
    writer.begin(1, guess + 4);
    writer.begin(3, guess);
    writer.uint32(1, jobId);
    writer.presentBytes(2, outcome.value);
    writer.end();
    return writer.end();
  }
  const bytes = toBinary(WorkerEventSchema, create(WorkerEventSchema, { event }));
  writer.presentBytes(1, bytes);
}

/** A job alone is read by hand, all else by protobuf-es. */
function readHubEvent(reader: ByteReader): HubEvent {
  const from = reader.position;
  if (reader.next() && reader.is(2, WireType.LENGTH_DELIMITED)) {
    const value = readJob(reader);
    if (!reader.next()) return { event: { case: "job", value } };
  }
  return fromBinary(HubEventSchema, reader.whole(from));
}

/** A ready or an answer alone is read by hand, all else by protobuf-es. */
function readWorkerEvent(reader: ByteReader): WorkerEvent {
  const from = reader.position;
  if (reader.next()) {
    if (reader.is(2, WireType.LENGTH_DELIMITED)) {
      const value = { slots: readSlots(reader) };
      if (!reader.next()) return { event: { case: "ready", value } };
    } else if (reader.is(3, WireType.LENGTH_DELIMITED)) {
      const value = readAnswer(reader);
      if (value !== undefined && !reader.next()) return { event: { case: "result", value } };
    }
  }
  return fromBinary(WorkerEventSchema, reader.whole(from));
}

function readJob(reader: ByteReader): Job {
  const metadata: MetadataEntry[] = [];
  const job: Job = {
    jobId: 0,
    method: "",
    payload: EMPTY,
    attempt: 0,
    timeoutMs: undefined,
    metadata,
    requestId: "",
  };
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.is(1, WireType.VARINT)) job.jobId = reader.uint32();
    else if (reader.is(2, WireType.LENGTH_DELIMITED)) job.method = reader.string();
    else if (reader.is(3, WireType.LENGTH_DELIMITED)) job.payload = reader.bytes();
    else if (reader.is(4, WireType.VARINT)) job.attempt = reader.uint32();
    else if (reader.is(5, WireType.VARINT)) job.timeoutMs = reader.uint32();
    else if (reader.is(6, WireType.LENGTH_DELIMITED)) {
      metadata.push(readMetadataEntry(reader));
    } else if (reader.is(7, WireType.LENGTH_DELIMITED)) job.requestId = reader.string();
    else reader.skip();
  }
  reader.leave(outer);
  return job;
}

function readSlots(reader: ByteReader): number {
  let slots = 0;
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.is(1, WireType.VARINT)) slots = reader.uint32();
    else reader.skip();
  }
  reader.leave(outer);
  return slots;
}

/** A result that is an answer; undefined, and somewhere in it, for one that is not. */
function readAnswer(reader: ByteReader): Result | undefined {
  let jobId = 0;
  let value: Uint8Array | undefined;
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.is(1, WireType.VARINT)) jobId = reader.uint32();
    else if (reader.is(2, WireType.LENGTH_DELIMITED)) value = reader.bytes();
    else break;
  }
  const isAnswer = reader.isAtEnd;
  reader.leave(outer);
  if (!isAnswer) return undefined;
  return value === undefined ? undefined : { jobId, outcome: { case: "payload", value } };
}

const EMPTY: Uint8Array = new Uint8Array();
