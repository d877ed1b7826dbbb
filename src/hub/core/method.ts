import type { Bagged } from "../../base/bag.js";
import { type Linked, LinkedList } from "./linked-list.js";
import type { Request } from "./request.js";
import type { Session } from "./session.js";
import type { Timed } from "./timer-heap.js";

/** What is served by one name: who waits for it, who serves it, and who of those is idle. */
export class Method implements Timed, Bagged {
  readonly timed = "method";
  /** Waiting requests by arrival. */
  readonly queue: LinkedList<Request> = new LinkedList();
  /** Sessions with credit, the longest idle first. */
  readonly idle: LinkedList<Seat> = new LinkedList();
  readonly sessions: Set<Session> = new Set();
  /** Since when nobody serves it. */
  workerlessSince: number;
  heapIndex = -1;
  bagIndex = -1;

  constructor(
    readonly name: string,
    now: number,
  ) {
    this.workerlessSince = now;
  }
}

/** A session's place in the idle list of one method. */
export class Seat implements Linked<Seat> {
  prev: Seat | undefined;
  next: Seat | undefined;
  list: LinkedList<Seat> | undefined;

  constructor(
    readonly session: Session,
    readonly method: Method,
  ) {}
}
