import { LinkedList } from "./linked-list.js";
import type { Request } from "./request.js";
import { isServedBefore, type WaitingQueue } from "./waiting-queue.js";

/** First come, first served; a request that comes back has its old place. */
export class FifoQueue implements WaitingQueue {
  readonly #requests: LinkedList<Request> = new LinkedList();

  get size(): number {
    return this.#requests.size;
  }

  get head(): Request | undefined {
    return this.#requests.head;
  }

  get waitingSince(): number {
    let since = Number.POSITIVE_INFINITY;
    // Requests that came back stand in front and wait since later; behind the first
    // that never left the queue nobody waits longer than it.
    for (let request = this.head; request !== undefined; request = request.next) {
      since = Math.min(since, request.queuedAt);
      if (request.requeuedAt === undefined) break;
    }
    return since;
  }

  after(request: Request): Request | undefined {
    return request.next;
  }

  insert(request: Request): void {
    const { head, tail } = this.#requests;
    // A request that comes back is older than nearly all that wait, so its
    // place is found from the front; a new one always goes to the end.
    let next = tail === undefined || isServedBefore(tail, request) ? undefined : head;
    while (next !== undefined && isServedBefore(next, request)) next = next.next;
    this.#requests.insert(request, next);
  }

  remove(request: Request): boolean {
    if (request.list !== this.#requests) return false;
    this.#requests.remove(request);
    return true;
  }
}
