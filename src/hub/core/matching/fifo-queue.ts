import { LinkedList } from "../../../base/containers/linked-list.js";
import type { Request } from "../requests/request.js";
import { isServedBefore, type WaitingQueue } from "./waiting-queue.js";

/** First come, first served; a request that comes back gets its old place again. */
export class FifoQueue extends LinkedList<Request> implements WaitingQueue {
  get waitingSince(): number {
    let since = Number.POSITIVE_INFINITY;
    // Requests that came back are at the front, with a later `queuedAt`. Behind the first one that
    // never left, none has waited longer than it has.
    for (let request = this.head; request !== undefined; request = request.next) {
      since = Math.min(since, request.queuedAt);
      if (request.requeuedAt === undefined) break;
    }
    return since;
  }

  after(request: Request): Request | undefined {
    return request.next;
  }

  override insert(request: Request): void {
    // A request that comes back is older than nearly all others, so search from the front; a new
    // one always goes to the end.
    let next =
      this.tail === undefined || isServedBefore(this.tail, request) ? undefined : this.head;
    while (next !== undefined && isServedBefore(next, request)) next = next.next;
    super.insert(request, next);
  }
}
