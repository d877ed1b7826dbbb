import type { Books } from "./books.js";
import type { Call } from "./call.js";
import { transferMs } from "./hearing.js";
import type { Stream } from "./stream.js";

/** The hub's timer counts whole milliseconds, so it may be late by less than one. */
export const TIMER_MS = 1;

const NEVER = Number.POSITIVE_INFINITY;

/**
 * Checks what must hold whenever the hub has done everything due. Returns the next time by which it
 * must have done something else.
 */
export function judgeQuiet(books: Books): number {
  let dueAt = NEVER;
  for (const call of books.calls) {
    if (books.untold.has(call)) continue;
    if (call.state === "decided") {
      books.fail("every decided call is told", `${call} was not told ${call.expected?.kind}`);
    }
    dueAt = Math.min(dueAt, checkDue(books, call, callDueAt(books, call)));
    if (call.state === "waiting") dueAt = Math.min(dueAt, judgeIdle(books, call));
  }
  for (const [answer, { peer }] of books.unread) {
    const what = `an answer to ${peer}`;
    dueAt = Math.min(dueAt, checkDue(books, what, abandonAt(books, answer) ?? NEVER));
  }
  const instances = new Map<string, Stream>();
  for (const stream of books.streams) {
    judgeStream(books, stream);
    if (stream.phase === "ended") continue;
    dueAt = Math.min(dueAt, checkDue(books, stream, streamDueAt(books, stream)));
    const other = instances.get(stream.instance);
    if (other !== undefined) books.fail("one stream an instance", `${other} and ${stream}`);
    if (stream.instance !== "") instances.set(stream.instance, stream);
  }
  return dueAt;
}

function checkDue(books: Books, what: Call | Stream | string, dueAt: number): number {
  if (dueAt + TIMER_MS <= books.now) {
    books.fail("on time", `${what}: nothing happened at ${dueAt}; it is now ${books.now}`);
  }
  return dueAt;
}

/**
 * Checks that no call waits while a suitable worker is idle. Returns the time at which a worker
 * whose credit is held back must be released.
 */
function judgeIdle(books: Books, call: Call): number {
  let dueAt = NEVER;
  for (const stream of books.streams) {
    if (stream.credit === 0 || !stream.fits(call)) continue;
    const heldUntil = books.crashLoops.heldUntil(stream.workerId);
    if (heldUntil === undefined) continue;
    if (heldUntil + TIMER_MS <= books.now) {
      books.fail("nothing waits needlessly", `${call} waits although ${stream} is idle`);
    }
    dueAt = Math.min(dueAt, heldUntil);
  }
  return dueAt;
}

/**
 * The time at which the hub withdraws the answer with this key in {@link Books.unread}, unless it
 * is taken first.
 */
export function abandonAt({ unread, limits }: Books, key: object): number | undefined {
  const answer = unread.get(key);
  if (answer === undefined) return undefined;
  return answer.since + limits.slowReaderTimeoutMs + transferMs(answer.bytes);
}

function judgeStream(books: Books, stream: Stream): void {
  if (stream.phase === "ended") {
    if (stream.isClosed) return;
    return books.fail("stream end", `${stream} was not ended as ${stream.expectedEnd}`);
  }
  if (stream.phase !== "opening" && !stream.isWelcomed) {
    books.fail("welcome", `${stream} was not welcomed`);
  }
  if (
    books.isDraining &&
    stream.phase === "draining" &&
    !stream.drainedItself &&
    !stream.toldDrain
  ) {
    books.fail("drain", `${stream} was not told that the hub drains`);
  }
  for (const { call, cancelledAt } of stream.jobs.values()) {
    if (call.isOpen || cancelledAt !== undefined) continue;
    books.fail("cancel reaches the worker", `${call} has ended, but ${stream} was not told`);
  }
}

/** The time by which the call must have been settled. */
export function callDueAt(books: Books, call: Call): number {
  const { queueTimeoutMs = NEVER, runTimeoutMs = NEVER, method } = call.wish;
  if (call.job !== undefined) {
    return Math.min(call.deadlineAt, call.job.startedAt + runTimeoutMs);
  }
  if (call.state !== "waiting") return NEVER;
  const dueAt = Math.min(call.deadlineAt - 1, call.queuedAt + queueTimeoutMs);
  if (books.isServed(method)) return dueAt;
  // The hub forgets when a method lost its last worker if no call is waiting for it.
  const since = Math.max(books.unservedSince.get(method) ?? 0, call.enteredAt);
  return Math.min(dueAt, since + books.limits.noWorkerTimeoutMs);
}

/** The time by which the hub must have said something on the stream, or ended it. */
function streamDueAt(books: Books, stream: Stream): number {
  const { helloTimeoutMs, heartbeatIntervalMs, livenessTimeoutMs, cancelGraceMs } = books.limits;
  if (stream.phase === "opening") return stream.openedAt + helloTimeoutMs;
  let dueAt = stream.lastBeatAt + heartbeatIntervalMs;
  if (stream.isJudged) {
    const heardAt = stream.lastHeardAt + stream.stalledMs;
    dueAt = Math.min(dueAt, Math.max(heardAt, stream.excusedUntil) + livenessTimeoutMs);
  }
  for (const { cancelledAt } of stream.jobs.values()) {
    if (cancelledAt !== undefined) dueAt = Math.min(dueAt, cancelledAt + cancelGraceMs);
  }
  return dueAt;
}
