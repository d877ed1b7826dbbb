import { codeOf, unpackHandlerDetails } from "../../../src/wire/grpc/status.js";
import {
  decodeWorkRequest,
  type Failure,
  type Hello,
  type Result,
  WireExecution,
  type WorkerEvent,
} from "../../../src/wire/messages/work.js";
import type { Books } from "./books.js";
import type { Call, Expected } from "./call.js";
import type { HeldJob, Stream } from "./stream.js";

/** The size from which a message holds up others on a slow link, in bytes. */
export const LARGE_BYTES: number = 256 * 1024;
const MIN_BYTES_PER_SECOND = 4 * 1024;
const MAX_NAME_LENGTH = 256;

/** Records what a worker sent the hub, event by event, as docs/protocol.md defines it. */
export function hear(books: Books, stream: Stream, encoded: Buffer): void {
  let events: WorkerEvent[];
  try {
    events = decodeWorkRequest(encoded);
  } catch {
    return violation(books, stream);
  }
  stream.heard(books.now);
  for (const event of events) hearOne(books, stream, event);
}

function hearOne(books: Books, stream: Stream, { event }: WorkerEvent): void {
  if (stream.phase === "ended") return;
  const speaksFirst = stream.phase === "opening" && event.case !== undefined;
  if (speaksFirst && event.case !== "hello" && event.case !== "heartbeat") {
    return violation(books, stream);
  }
  switch (event.case) {
    case "hello":
      return hearHello(books, stream, event.value);
    case "ready":
      return hearReady(books, stream, event.value.slots);
    case "result":
    case "nack": {
      const job = stream.jobs.get(event.value.jobId);
      stream.jobs.delete(event.value.jobId);
      books.endIfDrained(stream);
      if (job === undefined || job.call.state !== job) return;
      if (event.case === "result") {
        return job.call.decide(expectedOf(books, job, event.value), books.now);
      }
      return event.value.execution === WireExecution.NOT_STARTED
        ? books.refused(job)
        : books.lost(job);
    }
    case "drain":
      if (stream.phase === "serving") {
        stream.drainedItself = true;
        books.leave(stream, "draining");
      }
      return books.endIfDrained(stream);
    case "heartbeat":
      return excuse(books, stream, event.value.pendingBytes);
    case undefined:
      return;
  }
}

function hearHello(books: Books, stream: Stream, hello: Hello): void {
  if (stream.phase !== "opening") return violation(books, stream);
  const names = [hello.workerId, ...hello.methods.map(({ name }) => name)];
  if (names.some((name) => name.length > MAX_NAME_LENGTH)) return violation(books, stream);
  if (books.isDraining) return books.end(stream, "DRAINING");
  const instance = Buffer.from(hello.instanceId).toString("hex");
  for (const other of books.streams) {
    const isFormer = other.phase !== "ended" && other.instance === instance && instance !== "";
    if (isFormer) books.end(other, "SUPERSEDED");
  }
  stream.hello = hello;
  stream.instance = instance;
  stream.phase = "serving";
  books.judgeSizes();
}

function hearReady(books: Books, stream: Stream, slots: number): void {
  if (slots < 1) return violation(books, stream);
  if (stream.phase !== "serving") return;
  stream.readies += 1;
  stream.credit = Math.min(stream.credit + slots, stream.maxSlots - stream.jobs.size);
}

/**
 * Called when a large message is in transit: until it must have arrived, silence proves nothing.
 */
export function excuse(books: Books, stream: Stream, bytes: number): void {
  const most = books.limits.maxPayloadBytes + LARGE_BYTES;
  const until = books.now + transferMs(Math.min(bytes, most));
  stream.excusedUntil = Math.max(stream.excusedUntil, until);
}

/** The longest time that this many bytes may be in transit, in milliseconds. */
export function transferMs(bytes: number): number {
  return (bytes / MIN_BYTES_PER_SECOND) * 1000;
}

function violation(books: Books, stream: Stream): void {
  books.end(stream, "PROTOCOL_VIOLATION");
}

/** What the caller must be told after this result. */
function expectedOf(
  books: Books,
  { call, stream, startedAt }: HeldJob,
  { outcome }: Result,
): Expected {
  if (outcome.case === "failure") {
    return (
      expectedReport(outcome.value) ??
      overtime(call, startedAt, books.now) ??
      expectedThrown(outcome.value)
    );
  }
  const payload = outcome.case === "payload" ? outcome.value : new Uint8Array();
  if (payload.length > books.limits.maxPayloadBytes) {
    return { kind: "failure", reason: "RESULT_TOO_LARGE" };
  }
  return { kind: "answer", payload, stream, startedAt };
}

/** The expected outcome if the time is up: what a handler throws after that is not the reason. */
function overtime(
  { deadlineAt, wish }: Call,
  startedAt: number,
  now: number,
): Expected | undefined {
  if (now >= deadlineAt) return { kind: "failure", reason: "DEADLINE_RUNNING" };
  const isOver = now >= startedAt + (wish.runTimeoutMs ?? Number.POSITIVE_INFINITY);
  return isOver ? { kind: "failure", reason: "RUN_TIMEOUT" } : undefined;
}

/**
 * The expected outcome of a failure that the worker's library reports, which does not depend on the
 * time.
 */
function expectedReport({ reason, message }: Failure): Expected | undefined {
  if (reason !== "MALFORMED" && reason !== "RESULT_TOO_LARGE") return undefined;
  return { kind: "failure", reason, message };
}

function expectedThrown({ code, message, details }: Failure): Expected {
  if (code === 0) return { kind: "failure", reason: "HANDLER_ERROR", code: "UNKNOWN", message };
  const { retryAfterMs } = unpackHandlerDetails(details);
  const declared = codeOf(code) ?? "UNKNOWN";
  return { kind: "failure", reason: "DECLARED", code: declared, message, retryAfterMs };
}
