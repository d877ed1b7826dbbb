import type { Books } from "./books.js";
import type { Call, Reason } from "./call.js";

/**
 * The part of the deadline that a hub reserves so that its own status reaches the caller, in
 * milliseconds.
 */
const DEADLINE_MARGIN_MS = 5;

/** Returns the part of a unary call's timeout that a hub counts. */
export function lessMargin(timeoutMs: number): number {
  return Math.ceil(timeoutMs - Math.min(DEADLINE_MARGIN_MS, timeoutMs / 10));
}

/**
 * Records an arriving request, for which the hub counts `givenMs`, and whether the hub must accept
 * it.
 */
export function admit(
  books: Books,
  call: Call,
  place: number,
  givenMs: number | undefined,
  limits: { defaultTimeoutMs: number; maxTimeoutMs: number },
): void {
  const { flaw } = call.wish;
  call.place = place;
  call.arrivedAt = books.now;
  call.queuedAt = books.now;
  call.deadlineAt = books.now + Math.min(givenMs ?? limits.defaultTimeoutMs, limits.maxTimeoutMs);
  const refusal = flaw ?? refusalOf(books, call);
  books.calls.add(call);
  if (refusal === undefined) books.wait(call);
  else books.refuse(call, refusal);
}

/** Returns why the newest request must be refused, if it must; checks in the hub's order. */
function refusalOf(books: Books, call: Call): Reason | undefined {
  const { maxPayloadBytes, maxHeldBytes, maxQueued, maxUnreadBytes } = books.limits;
  const { payload, runTimeoutMs, method } = call.wish;
  if (payload.length > maxPayloadBytes) return "PAYLOAD_TOO_LARGE";
  if (runTimeoutMs !== undefined && runTimeoutMs < 1) return "RUN_TIMEOUT";
  if (books.isDraining) return "DRAINING";
  let held = call.bytes;
  let unread = 0;
  for (const { peer, bytes } of books.unread.values()) {
    held += bytes;
    if (peer === call.peer) unread += bytes;
  }
  if (unread > maxUnreadBytes) return "SLOW_READER";
  let queued = 0;
  let unserved = 0;
  for (const other of books.calls) {
    if (other.state === "waiting") {
      queued += 1;
      if (!books.isServed(other.wish.method)) unserved += 1;
    }
    if (other.state === "waiting" || other.job !== undefined) held += other.bytes;
  }
  if (held > maxHeldBytes) return "HELD_BYTES_FULL";
  if (queued >= maxQueued) return "QUEUE_FULL";
  const share = Math.max(1, Math.floor(maxQueued / 10));
  return unserved >= share && !books.isServed(method) ? "QUEUE_FULL" : undefined;
}
