import { Bag } from "../../../base/containers/bag.js";
import { LinkedList } from "../../../base/containers/linked-list.js";
import { type CoreLimits, WORKERLESS_SHARE } from "../limits.js";
import type { Refusal } from "../requests/outcome.js";
import type { Request } from "../requests/request.js";
import type { Session } from "../workers/session.js";
import { groupKey, WorkerGroup } from "../workers/worker-group.js";
import { Method } from "./method.js";

/**
 * All methods with waiting requests or workers, and which sessions are idle. Bookkeeping only:
 * reports what changed, and leaves the consequences to the caller.
 */
export class Queues {
  readonly methods: Map<string, Method> = new Map();
  readonly groups: Map<string, WorkerGroup<Session>> = new Map();
  /** The number of waiting requests, across all methods. */
  queued = 0;
  /** The number of waiting requests whose method has no worker. */
  workerless = 0;
  /**
   * Methods with waiting requests, and some that no longer have any, which are removed when
   * encountered.
   */
  readonly waiting: LinkedList<Method> = new LinkedList();
  readonly #maxQueued: number;
  readonly #touched: Bag<Method> = new Bag();
  #lastIdleSeq = 0;
  #round = 1;

  constructor({ maxQueued }: CoreLimits) {
    this.#maxQueued = maxQueued;
  }

  /** Why one more request for `method` must be refused; undefined if there is room. */
  refusal(method: string): Refusal | undefined {
    if (this.queued >= this.#maxQueued) {
      return ["QUEUE_FULL", `${this.#maxQueued} requests are already waiting`];
    }
    const share = Math.max(1, Math.floor(this.#maxQueued * WORKERLESS_SHARE));
    if (this.workerless >= share && (this.methods.get(method)?.isWorkerless ?? true)) {
      return ["QUEUE_FULL", `${share} requests are already waiting for methods without a worker`];
    }
    return undefined;
  }

  /** Queues `request` in its place; returns its method. */
  insert(request: Request, now: number): Method {
    const method = this.#method(request.method, now);
    method.queue.insert(request);
    if (method.list === undefined) this.waiting.insert(method);
    this.queued += 1;
    if (method.isWorkerless) this.workerless += 1;
    this.#touched.add(method);
    return method;
  }

  /** Removes a request from its queue; returns its method, or undefined if it was not waiting. */
  remove(request: Request): Method | undefined {
    const method = this.methods.get(request.method);
    return method !== undefined && this.take(method, request) ? method : undefined;
  }

  /** Removes `request` from the queue of `method`. Returns whether it was there. */
  take(method: Method, request: Request): boolean {
    if (!method.queue.remove(request)) return false;
    this.queued -= 1;
    if (method.isWorkerless) this.workerless -= 1;
    this.#prune(method);
    return true;
  }

  /**
   * Makes `session` serve the methods of its hello; returns those that had waiting requests and no
   * worker. For the others, one more worker can only help.
   */
  join(session: Session, now: number): Method[] {
    const group = this.#group(session.hello?.methods.keys() ?? []);
    session.group = group;
    group.sessions.add(session);
    if (group.sessions.size > 1) return [];
    const rescued: Method[] = [];
    for (const name of group.methods) {
      const method = this.#method(name, now);
      if (method.isWorkerless && method.queue.size > 0) {
        this.workerless -= method.queue.size;
        rescued.push(method);
      }
      method.groups.push(group);
    }
    return rescued;
  }

  /** Undoes {@link join}; returns the session's methods that have waiting requests. */
  leave(session: Session, now: number): Method[] {
    const { group } = session;
    if (group === undefined) return [];
    this.withdraw(session);
    session.group = undefined;
    group.sessions.delete(session);
    const waiting: Method[] = [];
    this.#eachWaiting(group, (method) => waiting.push(method));
    if (group.sessions.size === 0) this.#disband(group, now);
    return waiting;
  }

  /** `session` has more credit: it becomes idle, if it was not already. */
  offer(session: Session): void {
    const { group } = session;
    if (group === undefined) return;
    if (session.list === undefined) this.#append(session, group);
    // Once per round is enough: a request that arrives later touches its own method.
    if (this.queued === 0 || group.round === this.#round) return;
    group.round = this.#round;
    this.#eachWaiting(group, this.#touch);
  }

  /** Moves an idle session to the end of its list. */
  rotate(session: Session): void {
    if (session.group === undefined) return;
    session.group.idle.remove(session);
    this.#append(session, session.group);
  }

  /** `session` is no longer idle. */
  withdraw(session: Session): void {
    session.group?.idle.remove(session);
  }

  /** Returns and forgets the methods in which a match may have become possible. */
  takeTouched(): Method[] {
    this.#round += 1;
    return this.#touched.takeAll().filter((method) => method.queue.size > 0 && method.hasIdle);
  }

  readonly #touch = (method: Method): void => this.#touched.add(method);

  /** Calls `visit` with each method of `group` that has waiting requests. */
  #eachWaiting(group: WorkerGroup<Session>, visit: (method: Method) => void): void {
    // Walk the smaller set: a worker may serve hundreds of methods, and hundreds may have a queue.
    if (this.waiting.size <= group.methods.size) {
      for (let method = this.waiting.head; method !== undefined; ) {
        const { next } = method;
        if (method.queue.size === 0) this.waiting.remove(method);
        else if (group.methods.has(method.name)) visit(method);
        method = next;
      }
      return;
    }
    for (const name of group.methods) {
      const method = this.methods.get(name);
      if (method !== undefined && method.queue.size > 0) visit(method);
    }
  }

  #append(session: Session, group: WorkerGroup<Session>): void {
    session.idleSeq = ++this.#lastIdleSeq;
    group.idle.insert(session);
  }

  #group(names: Iterable<string>): WorkerGroup<Session> {
    const methods = new Set(names);
    const key = groupKey(methods);
    let group = this.groups.get(key);
    if (group === undefined) {
      group = new WorkerGroup(key, methods);
      this.groups.set(key, group);
    }
    return group;
  }

  /** Removes a group whose last worker has left. */
  #disband(group: WorkerGroup<Session>, now: number): void {
    this.groups.delete(group.key);
    for (const name of group.methods) {
      const method = this.#method(name, now);
      method.groups.splice(method.groups.indexOf(group), 1);
      if (method.isWorkerless) {
        method.workerlessSince = now;
        this.workerless += method.queue.size;
      }
      this.#prune(method);
    }
  }

  #method(name: string, now: number): Method {
    let method = this.methods.get(name);
    if (method === undefined) {
      method = new Method(name, now);
      this.methods.set(name, method);
    }
    return method;
  }

  #prune(method: Method): void {
    if (method.queue.size > 0 || !method.isWorkerless) return;
    this.methods.delete(method.name);
    this.waiting.remove(method);
    this.#touched.delete(method);
  }
}
