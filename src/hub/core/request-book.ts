import type { GibbsError } from "../../base/error.js";
import type { Effect } from "./effect.js";
import {
  type CoreLimits,
  MAX_REFUSALS,
  MAX_SPARE,
  MIN_TIME_LEFT_MS,
  WORKERLESS_SHARE,
} from "./limits.js";
import { LiveRequests } from "./live-requests.js";
import { canReceive } from "./matcher.js";
import type { Method } from "./method.js";
import { arrivalRefused, type HubReason, hubFailure } from "./outcome.js";
import { Queues } from "./queues.js";
import {
  type Caller,
  type Job,
  type Outcome,
  Request,
  type RequestIdFormat,
  type Submission,
} from "./request.js";
import type { Session } from "./session.js";
import type { Timed, TimerHeap } from "./timer-heap.js";
import { type Peer, UnreadResponses } from "./unread.js";

/** All requests that are not settled: their admission, their limits in time, their one outcome. */
export class RequestBook {
  readonly queues: Queues = new Queues({
    onWorkerless: (method) => this.#watchWorkerless(method),
    onServers: (method, now) => this.#onServersChange(method, now),
  });
  readonly live: LiveRequests = new LiveRequests();
  readonly unread: UnreadResponses = new UnreadResponses();
  /** What the live requests hold. */
  heldBytes = 0;
  draining = false;
  readonly #limits: CoreLimits;
  readonly #timers: TimerHeap<Timed>;
  readonly #random: () => number;
  readonly #formatId: RequestIdFormat;
  readonly #emit: (effect: Effect) => void;
  #arrivingBytes = 0;
  readonly #spare: Request[] = [];

  constructor(
    limits: CoreLimits,
    timers: TimerHeap<Timed>,
    random: () => number,
    formatId: RequestIdFormat,
    emit: (effect: Effect) => void,
  ) {
    this.#limits = limits;
    this.#timers = timers;
    this.#random = random;
    this.#formatId = formatId;
    this.#emit = emit;
  }

  /** A request of so many bytes has begun to arrive. Returns why there is no room for it, if there is none. */
  arriving(bytes: number): GibbsError | undefined {
    if (this.#allBytes + bytes > this.#limits.maxHeldBytes) {
      return arrivalRefused(this.#fullMessage, this.#random());
    }
    this.#arrivingBytes += bytes;
    return undefined;
  }

  /** It is there, or will never be. */
  arrived(bytes: number): void {
    this.#arrivingBytes -= bytes;
  }

  /** Takes a request in, or settles it at once if it cannot be taken. */
  submit(submission: Submission, caller: Caller, callId: number, now: number): Request {
    const request = this.#spare.pop() ?? new Request(this.#formatId);
    request.begin(this.live.nextSeq(), submission, now, caller, callId);
    this.live.add(request);
    this.heldBytes += request.bytes;
    const refusal = this.#refusal(request, submission.peer);
    if (refusal === undefined) this.#enqueue(request, now);
    else this.fail(request, ...refusal, now);
    return request;
  }

  /** Gives a request its outcome. The first one counts, and there is no second. */
  settle(request: Request, outcome: Outcome): void {
    if (request.state === "settled") return;
    if (request.state === "queued") this.queues.dequeue(request);
    else request.state.request = undefined;
    request.state = "settled";
    this.#timers.remove(request);
    this.live.delete(request);
    this.heldBytes -= request.bytes;
    request.payload = "";
    this.#emit({ kind: "settle", request, outcome });
  }

  /** The caller of a settled request was told: the object may become another request. */
  release(request: Request): void {
    if (this.#spare.length >= MAX_SPARE) return;
    request.clear();
    this.#spare.push(request);
  }

  /** Settles a request as failed by the hub. */
  fail(request: Request, reason: HubReason, message: string, now: number): void {
    const error = hubFailure(request, reason, message, { now, chance: this.#random() });
    this.settle(request, { kind: "failure", error });
  }

  /** The request goes to `session`: its attempt may have run from here on. */
  start(request: Request, session: Session, job: Job): void {
    this.queues.dequeue(request);
    request.state = job;
    request.attempts += 1;
    const { deadlineAt, runTimeoutMs } = request;
    this.#timers.set(request, Math.min(deadlineAt, endOf(job.startedAt, runTimeoutMs)));
    session.inFlight.set(job.id, job);
  }

  /** The worker says that the attempt did not run. */
  refused(request: Request, session: Session, now: number): void {
    request.attempts -= 1;
    request.refusals += 1;
    request.refusedBy ??= new Map();
    request.refusedBy.set(session, session.readies);
    if (request.refusals < MAX_REFUSALS) return this.#enqueue(request, now);
    const message = `workers gave the request back unstarted ${MAX_REFUSALS} times`;
    this.fail(request, "REJECTED", message, now);
  }

  /** The attempt is lost, and whether it ran is unknown. */
  lost(request: Request, session: Session, why: string, now: number): void {
    const declared = session.hello?.methods.get(request.method)?.idempotent;
    if (!(request.idempotent ?? declared ?? false)) {
      return this.fail(request, "WORKER_LOST", `${why}; the request is not idempotent`, now);
    }
    if (request.attempts >= request.maxAttempts) {
      const message = `${why}, at the last of ${request.attempts} attempts`;
      return this.fail(request, "ATTEMPTS_EXHAUSTED", message, now);
    }
    request.lostBy = session.workerId;
    request.requeuedAt = now;
    this.#enqueue(request, now);
  }

  /** A limit in time of the request has passed. */
  expire(request: Request, now: number): void {
    const { deadlineAt, runTimeoutMs, queueTimeoutMs } = request;
    const fail = (reason: HubReason, message: string): void =>
      this.fail(request, reason, message, now);
    if (request.state === "queued") {
      if (now >= deadlineAt - MIN_TIME_LEFT_MS) {
        fail("DEADLINE_QUEUED", "the deadline passed before a worker was idle");
      } else {
        fail("QUEUE_TIMEOUT", `no worker was idle for ${queueTimeoutMs} ms`);
      }
    } else if (now >= deadlineAt) {
      fail("DEADLINE_RUNNING", "the deadline passed while a worker had the request");
    } else {
      fail("RUN_TIMEOUT", `the attempt ran for more than ${runTimeoutMs} ms`);
    }
  }

  /** Nobody has served the method for too long, at least for those who wait longest. */
  expireWorkerless(method: Method, now: number): void {
    if (method.sessions.size > 0) return;
    for (let request = method.queue.head; request !== undefined; ) {
      const { next } = request;
      if (this.#workerlessUntil(method, request) <= now) {
        const name = method.name === "" ? "the default method" : `the method "${method.name}"`;
        const message = `no worker serves ${name}: is one connected to this hub?`;
        this.fail(request, "NO_WORKER", message, now);
      }
      request = next;
    }
    this.#watchWorkerless(method);
  }

  /** From now on nothing waits: what is queued, or comes, or comes back, is refused. */
  drain(now: number): void {
    this.draining = true;
    for (const request of this.live) {
      if (request.state === "queued") this.#refuseDraining(request, now);
    }
  }

  #refusal(request: Request, peer: Peer | undefined): [HubReason, string] | undefined {
    const { maxPayloadBytes, maxHeldBytes, maxQueued, maxUnreadBytes } = this.#limits;
    const { payload, method, runTimeoutMs } = request;
    if (payload.length > maxPayloadBytes) {
      const message = `the payload has ${payload.length} bytes, more than ${maxPayloadBytes}`;
      return ["PAYLOAD_TOO_LARGE", message];
    }
    if (runTimeoutMs !== undefined && runTimeoutMs < MIN_TIME_LEFT_MS) {
      return ["RUN_TIMEOUT", "the run timeout leaves no time to run"];
    }
    if (this.draining) return ["DRAINING", "the hub is shutting down"];
    if (peer !== undefined && this.unread.of(peer) > maxUnreadBytes) {
      const message = `the caller has yet to read ${this.unread.of(peer)} bytes of answers`;
      return ["SLOW_READER", message];
    }
    if (this.#allBytes > maxHeldBytes) return ["HELD_BYTES_FULL", this.#fullMessage];
    if (this.queues.queued >= maxQueued) {
      return ["QUEUE_FULL", `${maxQueued} requests are waiting already`];
    }
    const share = Math.max(1, Math.floor(maxQueued * WORKERLESS_SHARE));
    if (this.queues.workerless >= share && this.queues.isWorkerless(method)) {
      return ["QUEUE_FULL", `${share} requests are waiting already for methods without a worker`];
    }
    return undefined;
  }

  /** All that is held, is not read yet, or arrives. */
  get #allBytes(): number {
    return this.heldBytes + this.unread.bytes + this.#arrivingBytes;
  }

  get #fullMessage(): string {
    return `the hub holds ${this.#limits.maxHeldBytes} bytes already`;
  }

  #enqueue(request: Request, now: number): void {
    const { deadlineAt, queueTimeoutMs } = request;
    const waitUntil = endOf(request.queuedAt, queueTimeoutMs);
    request.state = "queued";
    this.queues.enqueue(request, now);
    this.#timers.set(request, Math.min(deadlineAt - MIN_TIME_LEFT_MS, waitUntil));
    if (this.draining) this.#refuseDraining(request, now);
    else this.#failIfTooLarge(request, now);
  }

  /** Waiting makes no sense when no worker that is there can receive the request. */
  #failIfTooLarge(request: Request, now: number): void {
    const sessions = this.queues.methods.get(request.method)?.sessions;
    if (sessions === undefined || sessions.size === 0) return;
    for (const session of sessions) if (canReceive(request, session)) return;
    const message = `no worker can receive a message of ${request.bytes} bytes`;
    this.fail(request, "PAYLOAD_TOO_LARGE", message, now);
  }

  #refuseDraining(request: Request, now: number): void {
    this.fail(request, "DRAINING", "the hub is shutting down", now);
  }

  #watchWorkerless(method: Method): void {
    let wakeAt = Number.POSITIVE_INFINITY;
    let request = method.sessions.size === 0 ? method.queue.head : undefined;
    // Those that came back stand in front and wait since later; behind the first
    // that never left the queue nobody waits longer than it.
    for (; request !== undefined; request = request.next) {
      wakeAt = Math.min(wakeAt, this.#workerlessUntil(method, request));
      if (request.requeuedAt === undefined) break;
    }
    this.#timers.set(method, wakeAt);
  }

  /** Who serves the method has changed. */
  #onServersChange(method: Method, now: number): void {
    this.#watchWorkerless(method);
    for (let request = method.queue.head; request !== undefined; ) {
      const { next } = request;
      this.#failIfTooLarge(request, now);
      request = next;
    }
  }

  #workerlessUntil(method: Method, request: Request): number {
    return Math.max(method.workerlessSince, request.queuedAt) + this.#limits.noWorkerTimeoutMs;
  }
}

/** When a span that began then is over; without a length, never. */
function endOf(beganAt: number, lengthMs: number | undefined): number {
  return lengthMs === undefined ? Number.POSITIVE_INFINITY : beganAt + lengthMs;
}
