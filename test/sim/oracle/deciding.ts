import type { GibbsError } from "../../../src/base/errors/error.js";
import type { HubEvent, Job } from "../../../src/wire/messages/work.js";
import type { Books } from "./books.js";
import type { Call } from "./call.js";
import { excuse, LARGE_BYTES } from "./hearing.js";
import type { HeldJob, Stream } from "./stream.js";

const NEVER = Number.POSITIVE_INFINITY;

/** Records that the hub ended a stream, and checks whether it had a reason to. */
export function judgeEnd(books: Books, stream: Stream, error: GibbsError | undefined): void {
  if (stream.isClosed) return;
  stream.isClosed = true;
  const reason = error?.reason ?? "OK";
  if (stream.phase === "ended") {
    if (reason === stream.expectedEnd) return;
    return books.fail("stream end", `${stream} ended as ${reason}, not ${stream.expectedEnd}`);
  }
  if (!mayEnd(books, stream, reason)) {
    books.fail("stream end", `${stream} ended as ${reason} without a reason`);
  }
  books.end(stream, reason);
}

function mayEnd(books: Books, stream: Stream, reason: string): boolean {
  const { limits, now } = books;
  switch (reason) {
    case "HELLO_TIMEOUT":
      return stream.phase === "opening" && now >= stream.openedAt + limits.helloTimeoutMs;
    case "CANCEL_IGNORED":
      return [...stream.jobs.values()].some(
        ({ cancelledAt }) => cancelledAt !== undefined && now >= cancelledAt + limits.cancelGraceMs,
      );
    case "WORKER_SILENT": {
      // The hub may miss the part of each of its stalls that precedes its next check, and may count
      // a delay of less than an interval as none.
      const blurMs = stream.stalls * 2 * limits.heartbeatIntervalMs;
      const silentMs = now - stream.lastHeardAt - stream.stalledMs;
      const isLong = silentMs >= limits.livenessTimeoutMs - blurMs;
      const isExcused = now < stream.excusedUntil + limits.livenessTimeoutMs;
      return stream.isJudged && isLong && !isExcused;
    }
    default:
      return false;
  }
}

/** A job that the hub wrote, and how far its worker was from the best choice. */
export interface Dispatch {
  job: HeldJob;
  drawback: number;
}

/**
 * Records an event that the hub wrote, and checks whether it was allowed. Returns the dispatch if
 * the event is a job.
 */
export function judgeWrite(
  books: Books,
  stream: Stream,
  { event }: HubEvent,
  calls: ReadonlyMap<string, Call>,
): Dispatch | undefined {
  switch (event.case) {
    case "welcome":
      if (stream.isWelcomed || stream.hello === undefined) {
        books.fail("welcome", `${stream} was welcomed again, or before its hello`);
      }
      stream.isWelcomed = true;
      return undefined;
    case "job": {
      const call = calls.get(event.value.requestId);
      if (call !== undefined) return judgeJob(books, stream, event.value, call);
      books.fail(
        "a job for a call",
        `${stream} was given an unknown request: ${event.value.requestId}`,
      );
      return undefined;
    }
    case "cancel": {
      const job = stream.jobs.get(event.value.jobId);
      if (job !== undefined) job.cancelledAt ??= books.now;
      return undefined;
    }
    case "heartbeat":
      stream.lastBeatAt = books.now;
      return undefined;
    case "drain":
      if (!books.isDraining)
        books.fail("drain", `${stream} was told of a drain, but the hub does not drain`);
      stream.toldDrain = true;
      return undefined;
    case undefined:
      return undefined;
  }
}

function judgeJob(books: Books, stream: Stream, written: Job, call: Call): Dispatch | undefined {
  const { now } = books;
  const wrong = wrongJob(books, stream, written, call);
  if (wrong !== undefined) {
    books.fail(...wrong);
    return undefined;
  }
  const drawback = stream.drawback(call, stream.jobs.size);
  const job: HeldJob = { stream, call, startedAt: now, cancelledAt: undefined };
  stream.credit -= 1;
  stream.jobs.set(written.jobId, job);
  if (call.bytes >= LARGE_BYTES) excuse(books, stream, call.bytes);
  call.attempts += 1;
  call.state = job;
  return { job, drawback };
}

function wrongJob(
  books: Books,
  stream: Stream,
  written: Job,
  call: Call,
): [check: string, what: string] | undefined {
  const { now } = books;
  const { idempotent, method, payload } = call.wish;
  const { runTimeoutMs = NEVER, queueTimeoutMs = NEVER } = call.wish;
  const what = `${call} was written to ${stream}`;
  if (call.state !== "waiting") return ["a job for a waiting call", what];
  if (books.isDraining) return ["nothing starts in a drain", what];
  if (!stream.serves(method) || written.method !== method) return ["a job for its method", what];
  const heldUntil = books.crashLoops.heldUntil(stream.workerId) ?? 0;
  if (now < heldUntil) return ["not to who is held back", what];
  if (stream.credit < 1) return ["only against credit", what];
  if (stream.jobs.has(written.jobId)) return ["a job id of its own", what];
  if (!stream.canReceive(call)) return ["a job the worker can receive", what];
  if (!stream.fits(call)) return ["not again to the worker that gave it back", what];
  if (written.attempt !== call.attempts + 1) return ["the attempt's number", what];
  if (call.attempts > 0 && (idempotent === false || call.attempts >= call.maxAttempts)) {
    return ["at most once, or as often as allowed", what];
  }
  if (Buffer.compare(written.payload, payload) !== 0) return ["the payload unchanged", what];
  if (now >= call.queuedAt + queueTimeoutMs) return ["time to wait", what];
  const leftMs = Math.min(call.deadlineAt - now, runTimeoutMs);
  if (leftMs < 1) return ["time to run", `${what} with ${leftMs} ms left`];
  if (written.timeoutMs !== Math.ceil(leftMs)) {
    return ["the time left", `${what} with ${written.timeoutMs} ms, not ${leftMs}`];
  }
  return undefined;
}

/** Checks whether each job went where it should: in arrival order, and to the best idle worker. */
export function judgeDispatches(books: Books, dispatches: readonly Dispatch[]): void {
  if (dispatches.length === 0) return;
  const waiting = books.waiting().filter((call) => !books.unclear.has(call));
  for (const { job, drawback } of dispatches) {
    const { call, stream } = job;
    const older = waiting.find(
      (other) =>
        other.place < call.place && other.wish.method === call.wish.method && stream.fits(other),
    );
    if (older !== undefined) {
      books.fail("first come, first served", `${call} went to ${stream} before ${older}`);
    }
    for (const other of books.streams) {
      // Credit that is left after all dispatches was available for this one.
      if (other.credit === 0 || other === stream || !other.fits(call)) continue;
      if (books.crashLoops.heldUntil(other.workerId) !== 0) continue;
      if (other.drawback(call, other.jobs.size) < drawback) {
        books.fail("the best idle worker", `${call} went to ${stream} instead of ${other}`);
      }
    }
  }
}
