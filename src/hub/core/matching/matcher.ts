import type { Request } from "../requests/request.js";
import type { Session } from "../workers/session.js";
import type { Method } from "./method.js";
import { isServedBefore } from "./waiting-queue.js";

/** Whether `session` may be given `request`: every reason against it stands here. */
export function fits(request: Request, session: Session): boolean {
  if (session.isHeldBack || !canReceive(request, session)) return false;
  // Whoever gave it back may be given it again once it has said ready again.
  return request.refusedBy?.get(session.id) !== session.readies;
}

/** Whether a message with `request` is small enough for a worker of `method`, idle or not. */
export function canBeReceived(request: Request, method: Method): boolean {
  for (const { sessions } of method.groups) {
    for (const session of sessions) if (canReceive(request, session)) return true;
  }
  return false;
}

/**
 * Pairs waiting requests with idle sessions until no pair that fits is left:
 * the first to be served first, over all of `methods`; for each the longest idle
 * session. `assign` must take the request out of its queue, and the session out of
 * its idle list once its credit is used up.
 */
export function match(
  methods: readonly Method[],
  assign: (request: Request, session: Session, method: Method) => void,
): void {
  if (methods.length === 0) return;
  const cursors = methods.map((method) => ({ method, next: method.queue.head }));
  for (;;) {
    let first: (typeof cursors)[number] | undefined;
    for (const cursor of cursors) {
      if (cursor.next === undefined || !cursor.method.hasIdle) continue;
      if (first?.next === undefined || isServedBefore(cursor.next, first.next)) first = cursor;
    }
    const request = first?.next;
    if (first === undefined || request === undefined) return;
    first.next = first.method.queue.after(request);
    const session = pick(request, first.method);
    if (session !== undefined) assign(request, session, first.method);
  }
}

/**
 * The best of the idle sessions that fit: the longest idle without a drawback, else the
 * longest idle with the least.
 */
function pick(request: Request, method: Method): Session | undefined {
  let best: Session | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const { idle } of method.groups) {
    for (let session = idle.head; session !== undefined; session = session.next) {
      // From here on nobody in this group is better than the best of another.
      if (least === 0 && best !== undefined && session.idleSeq > best.idleSeq) break;
      if (!fits(request, session)) continue;
      const drawback = drawbackOf(request, session);
      if (drawback > least) continue;
      if (drawback === least && best !== undefined && session.idleSeq > best.idleSeq) continue;
      best = session;
      least = drawback;
      if (drawback === 0) break;
    }
  }
  return best;
}

function canReceive(request: Request, session: Session): boolean {
  return request.bytes <= (session.hello?.maxReceiveBytes ?? 0);
}

/** Why another idle session would be better; 0 if for no reason. */
function drawbackOf(request: Request, session: Session): number {
  let drawback = session.congested ? 4 : 0;
  if (request.lostBy !== undefined) {
    // What killed its last worker may kill this one: not the same again, and
    // where it can be helped no neighbours that would die with it.
    if (request.lostBy === session.workerId) drawback += 2;
    if (session.inFlight.size > 0) drawback += 1;
  }
  return drawback;
}
