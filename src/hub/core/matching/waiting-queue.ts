import type { Request } from "../requests/request.js";

/**
 * The waiting requests of one method in the order of {@link isServedBefore}, which also applies
 * across the queues of different methods.
 */
export interface WaitingQueue {
  readonly size: number;
  /** The request to serve first. */
  readonly head: Request | undefined;
  /** When the longest-waiting request began to wait; `Infinity` if the queue is empty. */
  readonly waitingSince: number;
  /** The request to serve after `request`, which must be in this queue. */
  after(request: Request): Request | undefined;
  /** Inserts a request, which must not be in any queue, in its place. */
  insert(request: Request): void;
  /** Removes `request`. Returns whether it was in this queue. */
  remove(request: Request): boolean;
}

/** Whether `one` is served before `other`, in any method: first come, first served. */
export function isServedBefore(one: Request, other: Request): boolean {
  return one.seq < other.seq;
}
