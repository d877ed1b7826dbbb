import { Bag } from "../../base/bag.js";
import { Method, Seat } from "./method.js";
import type { Request } from "./request.js";
import type { Session } from "./session.js";

/** Who wants to know what changes. */
export interface QueuesListener {
  /** The queue of a method without a worker has changed. */
  onWorkerless(method: Method): void;
  /** The method has its first session, or one less. */
  onServers(method: Method, now: number): void;
}

/** Every method that somebody waits for or serves, and who is idle for it. */
export class Queues {
  readonly methods: Map<string, Method> = new Map();
  /** Waiting requests, over all methods. */
  queued = 0;
  /** Those of them whose method nobody serves. */
  workerless = 0;
  readonly #touched: Bag<Method> = new Bag();

  readonly #listener: QueuesListener;

  constructor(listener: QueuesListener) {
    this.#listener = listener;
  }

  /** Whether nobody serves the method. */
  isWorkerless(name: string): boolean {
    return !this.methods.get(name)?.sessions.size;
  }

  /** Puts `request` in its place by arrival. */
  enqueue(request: Request, now: number): void {
    const method = this.#method(request.method, now);
    // A request that comes back is older than nearly all that wait, so its
    // place is found from the front; a new one always goes to the end.
    let next = method.queue.head;
    if (method.queue.tail === undefined || method.queue.tail.seq < request.seq) next = undefined;
    while (next !== undefined && next.seq < request.seq) next = next.next;
    method.queue.insert(request, next);
    this.queued += 1;
    this.#touched.add(method);
    if (method.sessions.size > 0) return;
    this.workerless += 1;
    this.#listener.onWorkerless(method);
  }

  /** Takes a waiting request out. */
  dequeue(request: Request): void {
    const method = this.methods.get(request.method);
    if (method === undefined || request.list !== method.queue) return;
    method.queue.remove(request);
    this.queued -= 1;
    if (method.sessions.size === 0) {
      this.workerless -= 1;
      this.#listener.onWorkerless(method);
    }
    this.#prune(method);
  }

  /** Makes `session` serve the methods of its hello. */
  join(session: Session, now: number): void {
    for (const name of session.hello?.methods.keys() ?? []) {
      const method = this.#method(name, now);
      method.sessions.add(session);
      session.seats.push(new Seat(session, method));
      // A further session can only help those who wait.
      if (method.sessions.size > 1) continue;
      this.workerless -= method.queue.size;
      if (method.queue.size > 0) this.#listener.onServers(method, now);
    }
  }

  /** Undoes {@link join}. */
  leave(session: Session, now: number): void {
    this.stand(session);
    const { seats } = session;
    session.seats = [];
    for (const { method } of seats) {
      method.sessions.delete(session);
      if (method.sessions.size === 0) {
        method.workerlessSince = now;
        this.workerless += method.queue.size;
      }
      if (method.queue.size > 0) this.#listener.onServers(method, now);
      this.#prune(method);
    }
  }

  /** `session` has credit: it is idle from now on, if it was not before. */
  offer(session: Session): void {
    for (const seat of session.seats) {
      if (seat.list === undefined) seat.method.idle.insert(seat);
      this.#touched.add(seat.method);
    }
  }

  /** Puts `session` behind all idle sessions of its methods. */
  sit(session: Session): void {
    for (const seat of session.seats) {
      seat.method.idle.remove(seat);
      seat.method.idle.insert(seat);
      this.#touched.add(seat.method);
    }
  }

  /** Takes `session` out of all idle lists. */
  stand(session: Session): void {
    for (const seat of session.seats) seat.method.idle.remove(seat);
  }

  /** Methods in which something may have become possible since the last call. */
  takeTouched(): Method[] {
    return this.#touched
      .takeAll()
      .filter((method) => method.queue.size > 0 && method.idle.size > 0);
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
    if (method.queue.size > 0 || method.sessions.size > 0) return;
    this.methods.delete(method.name);
    this.#touched.delete(method);
  }
}
