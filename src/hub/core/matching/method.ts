import type { Bagged } from "../../../base/containers/bag.js";
import type { Linked, LinkedList } from "../../../base/containers/linked-list.js";
import type { Timed } from "../../../base/containers/timer-heap.js";
import type { Session } from "../workers/session.js";
import type { WorkerGroup } from "../workers/worker-group.js";
import { FifoQueue } from "./fifo-queue.js";
import type { WaitingQueue } from "./waiting-queue.js";

/** A method: the requests waiting for it, and the workers that serve it. */
export class Method implements Timed, Bagged, Linked<Method> {
  readonly timed = "method";
  readonly queue: WaitingQueue = new FifoQueue();
  /**
   * The workers that serve it, grouped by the set of methods that they serve. Usually there is one
   * group; none is empty.
   */
  readonly groups: WorkerGroup<Session>[] = [];
  /** When it was left without a worker; meaningful only while it has none. */
  workerlessSince: number;
  heapIndex = -1;
  bagIndex = -1;
  prev: Method | undefined;
  next: Method | undefined;
  list: LinkedList<Method> | undefined;

  constructor(
    readonly name: string,
    now: number,
  ) {
    this.workerlessSince = now;
  }

  get isWorkerless(): boolean {
    return this.groups.length === 0;
  }

  /** Whether any of its workers is idle. */
  get hasIdle(): boolean {
    for (const group of this.groups) if (group.idle.size > 0) return true;
    return false;
  }
}
