import type { Request } from "../requests/request.js";
import type { Session } from "../workers/session.js";
import type { Method } from "./method.js";
import { isServedBefore } from "./waiting-queue.js";

/** Whether `session` may be given `request`. All reasons against it are checked here. */
export function fits(request: Request, session: Session): boolean {
  if (session.isHeldBack || !canReceive(request, session)) return false;
  // A session that gave the request back may get it again after its next ready.
  return request.refusedBy?.get(session.id) !== session.readies;
}

/** Whether some worker of `method`, idle or not, accepts messages as large as `request`. */
export function canBeReceived(request: Request, method: Method): boolean {
  for (const { sessions } of method.groups) {
    for (const session of sessions) if (canReceive(request, session)) return true;
  }
  return false;
}

/**
 * Pairs waiting requests with idle sessions until no matching pair is left: requests in order of
 * service across all `methods`, each with the longest-idle session. `assign` must take the request
 * out of its queue, and the session out of its idle list once it has no credit left.
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

/** The best idle session that fits: the one with the least drawback, then the longest-idle one. */
function pick(request: Request, method: Method): Session | undefined {
  let best: Session | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const { idle } of method.groups) {
    for (let session = idle.head; session !== undefined; session = session.next) {
      // From here on, no session of this group beats the best so far.
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

/** How much better another idle session would be; 0 for no drawback. */
function drawbackOf(request: Request, session: Session): number {
  let drawback = session.congested ? 4 : 0;
  if (request.lostBy !== undefined) {
    // What killed the last worker may kill the next: avoid the same worker and, if possible,
    // workers with other jobs that would die too.
    if (request.lostBy === session.workerId) drawback += 2;
    if (session.inFlight.size > 0) drawback += 1;
  }
  return drawback;
}
