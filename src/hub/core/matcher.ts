import type { Method, Seat } from "./method.js";
import type { Request } from "./request.js";
import type { Session } from "./session.js";

/** Whether `session` may be given `request`: every reason against it stands here. */
export function fits(request: Request, session: Session): boolean {
  if (session.isHeldBack || !canReceive(request, session)) return false;
  // Whoever gave it back may be given it again once it has said ready again.
  return request.refusedBy?.get(session) !== session.readies;
}

/** Whether a message with `request` is small enough for `session`. */
export function canReceive(request: Request, session: Session): boolean {
  return request.bytes <= (session.hello?.maxReceiveBytes ?? 0);
}

/**
 * Pairs waiting requests with idle sessions until no pair that fits is left:
 * the oldest request first, over all of `methods`; for each the longest idle
 * session. `assign` must take the request out of its queue and, once the
 * session's credit is used up, the session's seats out of the idle lists.
 */
export function match(
  methods: readonly Method[],
  assign: (request: Request, session: Session) => void,
): void {
  if (methods.length === 0) return;
  const cursors = methods.map((method) => ({ method, next: method.queue.head }));
  for (;;) {
    let oldest: (typeof cursors)[number] | undefined;
    for (const cursor of cursors) {
      if (cursor.next === undefined || cursor.method.idle.size === 0) continue;
      if (oldest?.next === undefined || cursor.next.seq < oldest.next.seq) oldest = cursor;
    }
    const request = oldest?.next;
    if (oldest === undefined || request === undefined) return;
    oldest.next = request.next;
    const session = pick(oldest.method.idle.head, request);
    if (session !== undefined) assign(request, session);
  }
}

/** The best of the idle sessions that fit: the first without a drawback, else the first with the least. */
function pick(first: Seat | undefined, request: Request): Session | undefined {
  let best: Session | undefined;
  let leastDrawback = Number.POSITIVE_INFINITY;
  for (let seat = first; seat !== undefined; seat = seat.next) {
    if (!fits(request, seat.session)) continue;
    const drawback = drawbackOf(request, seat.session);
    if (drawback === 0) return seat.session;
    if (drawback >= leastDrawback) continue;
    best = seat.session;
    leastDrawback = drawback;
  }
  return best;
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
