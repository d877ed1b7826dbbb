import type { Request } from "../requests/request.js";

/**
 * The waiting requests of one method in order of service, {@link isServedBefore}, which also holds
 * across the queues of different methods.
 */
export interface WaitingQueue {
  readonly size: number;
  /** The request to serve first. */
  readonly head: Request | undefined;
  /** Since when the longest-waiting request has waited; `Infinity` if the queue is empty. */
  readonly waitingSince: number;
  /** The request to serve after `request`, which must be in this queue. */
  after(request: Request): Request | undefined;
  /** Inserts a request, which must be in no queue, in its place. */
  insert(request: Request): void;
  /** Takes `request` out. Returns whether it was in this queue. */
  remove(request: Request): boolean;
}

/** The order of service over all methods: first come, first served. */
export function isServedBefore(one: Request, other: Request): boolean {
  return one.seq < other.seq;
}
