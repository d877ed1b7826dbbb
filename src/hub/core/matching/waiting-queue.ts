import type { Request } from "../requests/request.js";

/**
 * The requests of one method that wait, in the order in which they are to be served: by
 * {@link isServedBefore}, which also holds between the queues of different methods.
 */
export interface WaitingQueue {
  readonly size: number;
  /** The request to serve first. */
  readonly head: Request | undefined;
  /** Since when the request that waits longest has waited, `Infinity` if none waits. */
  readonly waitingSince: number;
  /** The request to serve after `request`, which must be in this queue. */
  after(request: Request): Request | undefined;
  /** Puts a request that is in no queue in its place. */
  insert(request: Request): void;
  /** Takes `request` out. Returns whether it was in this queue. */
  remove(request: Request): boolean;
}

/** The order of service over all methods: first come, first served. */
export function isServedBefore(one: Request, other: Request): boolean {
  return one.seq < other.seq;
}
