import type { Timed, TimerHeap } from "../../base/containers/timer-heap.js";
import type { Effect } from "./effect.js";
import { type CoreLimits, MAX_REFUSALS, MIN_TIME_LEFT_MS } from "./limits.js";
import { canBeReceived, match } from "./matching/matcher.js";
import type { Method } from "./matching/method.js";
import type { Queues } from "./matching/queues.js";
import { type HubReason, hubFailure } from "./requests/outcome.js";
import type { Caller, Outcome, Request, Submission } from "./requests/request.js";
import type { Requests } from "./requests/requests.js";
import { excuse, LARGE_BYTES } from "./workers/liveness.js";
import type { Session } from "./workers/session.js";

/** What the parts of the core share. */
export interface CoreParts {
  limits: CoreLimits;
  timers: TimerHeap<Timed>;
  requests: Requests;
  queues: Queues;
  /** Returns a number from 0 to 1. */
  random: () => number;
  emit: (effect: Effect) => void;
}

/** The life of a request: it waits, runs on a worker, perhaps comes back, and has one outcome. */
export class Scheduler {
  readonly #limits: CoreLimits;
  readonly #timers: TimerHeap<Timed>;
  readonly #requests: Requests;
  readonly #queues: Queues;
  readonly #random: () => number;
  readonly #emit: (effect: Effect) => void;

  constructor({ limits, timers, requests, queues, random, emit }: CoreParts) {
    this.#limits = limits;
    this.#timers = timers;
    this.#requests = requests;
    this.#queues = queues;
    this.#random = random;
    this.#emit = emit;
  }

  /** Queues a request, or settles it at once if it must be refused. */
  submit(submission: Submission, caller: Caller, callId: number, now: number): Request {
    const request = this.#requests.add(submission, caller, callId, now);
    const refusal =
      this.#requests.refusal(request, submission.peer) ?? this.#queues.refusal(request.method);
    if (refusal === undefined) this.#enqueue(request, now);
    else this.fail(request, ...refusal, now);
    return request;
  }

  /** Settles a request. Only the first outcome counts. */
  settle(request: Request, outcome: Outcome): void {
    if (request.state === "settled") return;
    if (request.state === "queued") this.#dequeue(request);
    else request.state.request = undefined;
    this.#timers.remove(request);
    this.#requests.settle(request);
    this.#emit({ kind: "settle", request, outcome });
  }

  /** Settles a request with a failure on the hub's part. */
  fail(request: Request, reason: HubReason, message: string, now: number): void {
    const error = hubFailure(request, reason, message, { now, chance: this.#random() });
    this.settle(request, { kind: "failure", error });
  }

  /** Gives waiting requests to idle sessions. */
  match(now: number): void {
    match(this.#queues.takeTouched(), (request, session, method) => {
      this.#queues.take(method, request);
      this.#start(request, session, now);
    });
  }

  /** The worker reports that the attempt did not run. */
  refused(request: Request, session: Session, now: number): void {
    request.attempts -= 1;
    request.refusals += 1;
    request.refusedBy ??= new Map();
    request.refusedBy.set(session.id, session.readies);
    if (request.refusals < MAX_REFUSALS) return this.#enqueue(request, now);
    const message = `workers gave the request back unstarted ${MAX_REFUSALS} times`;
    this.fail(request, "REJECTED", message, now);
  }

  /** The attempt was lost; whether it ran is unknown. */
  lost(request: Request, session: Session, why: string, now: number): void {
    const declared = session.hello?.methods.get(request.method)?.idempotent;
    if (!(request.idempotent ?? declared ?? false)) {
      return this.fail(request, "WORKER_LOST", `${why}; the request is not idempotent`, now);
    }
    if (request.attempts >= request.maxAttempts) {
      const message = `${why}, on the last of ${request.attempts} attempts`;
      return this.fail(request, "ATTEMPTS_EXHAUSTED", message, now);
    }
    request.lostBy = session.workerId;
    request.requeuedAt = now;
    this.#enqueue(request, now);
  }

  /** The deadline or a timeout of the request has passed. */
  expire(request: Request, now: number): void {
    const { deadlineAt, runTimeoutMs, queueTimeoutMs } = request;
    const fail = (reason: HubReason, message: string): void =>
      this.fail(request, reason, message, now);
    if (request.state === "queued") {
      if (now >= deadlineAt - MIN_TIME_LEFT_MS) {
        fail("DEADLINE_QUEUED", "the deadline passed before a worker became idle");
      } else {
        fail("QUEUE_TIMEOUT", `no worker became idle within ${queueTimeoutMs} ms`);
      }
    } else if (now >= deadlineAt) {
      fail("DEADLINE_RUNNING", "the deadline passed while a worker had the request");
    } else {
      fail("RUN_TIMEOUT", `the attempt ran for more than ${runTimeoutMs} ms`);
    }
  }

  /**
   * The method has had no worker for too long, at least for the requests that have waited longest.
   */
  expireWorkerless(method: Method, now: number): void {
    if (!method.isWorkerless) return;
    for (const request of waitingFor(method)) {
      if (this.#workerlessUntil(method, request.queuedAt) > now) continue;
      const name = method.name === "" ? "the default method" : `the method "${method.name}"`;
      const message = `no worker serves ${name}: is one connected to this hub?`;
      this.fail(request, "NO_WORKER", message, now);
    }
    this.#watchWorkerless(method);
  }

  /** `session` serves its methods from now on. */
  join(session: Session, now: number): void {
    this.#serversChanged(this.#queues.join(session, now), now);
  }

  /** `session` no longer serves any method. */
  leave(session: Session, now: number): void {
    this.#serversChanged(this.#queues.leave(session, now), now);
  }

  /** Refuses all queued requests, and from now on those that arrive or come back. */
  drain(now: number): void {
    this.#requests.draining = true;
    for (const request of this.#requests.live) {
      if (request.state === "queued") this.#refuseDraining(request, now);
    }
  }

  #enqueue(request: Request, now: number): void {
    const { deadlineAt, queueTimeoutMs } = request;
    const waitUntil = endOf(request.queuedAt, queueTimeoutMs);
    request.state = "queued";
    const method = this.#queues.insert(request, now);
    if (method.isWorkerless) this.#watchWorkerless(method);
    this.#timers.set(request, Math.min(deadlineAt - MIN_TIME_LEFT_MS, waitUntil));
    if (this.#requests.draining) this.#refuseDraining(request, now);
    else this.#failIfTooLarge(request, method, now);
  }

  #dequeue(request: Request): void {
    const method = this.#queues.remove(request);
    if (method?.isWorkerless) this.#watchWorkerless(method);
  }

  /** Sends the request to `session`: from here on, its attempt may have run. */
  #start(request: Request, session: Session, now: number): void {
    const job = session.start(request, now);
    request.state = job;
    request.attempts += 1;
    const { deadlineAt, runTimeoutMs } = request;
    this.#timers.set(request, Math.min(deadlineAt, endOf(job.startedAt, runTimeoutMs)));
    if (session.credit > 0) this.#queues.rotate(session);
    else this.#queues.withdraw(session);
    if (request.bytes >= LARGE_BYTES) excuse(session, request.bytes, now);
    const timeLeftMs = this.#timers.timeOf(request) - now;
    this.#emit({ kind: "job", session, job, request, timeLeftMs });
  }

  /** Fails a request that no connected worker can receive: waiting would be pointless. */
  #failIfTooLarge(request: Request, method: Method, now: number): void {
    if (method.isWorkerless || canBeReceived(request, method)) return;
    const message = `no worker can receive a message of ${request.bytes} bytes`;
    this.fail(request, "PAYLOAD_TOO_LARGE", message, now);
  }

  #refuseDraining(request: Request, now: number): void {
    this.fail(request, "DRAINING", "the hub is shutting down", now);
  }

  /** The workers of `methods`, which have waiting requests, have changed. */
  #serversChanged(methods: readonly Method[], now: number): void {
    for (const method of methods) {
      this.#watchWorkerless(method);
      for (const request of waitingFor(method)) this.#failIfTooLarge(request, method, now);
    }
  }

  #watchWorkerless(method: Method): void {
    const since = method.isWorkerless ? method.queue.waitingSince : Number.POSITIVE_INFINITY;
    this.#timers.set(method, this.#workerlessUntil(method, since));
  }

  /**
   * The time until which a request that has been waiting since `waitingSince` keeps waiting for a
   * worker to connect.
   */
  #workerlessUntil(method: Method, waitingSince: number): number {
    return Math.max(method.workerlessSince, waitingSince) + this.#limits.noWorkerTimeoutMs;
  }
}

/** The waiting requests of `method`, in order; each may leave the queue once visited. */
function* waitingFor({ queue }: Method): Generator<Request> {
  for (let request = queue.head; request !== undefined; ) {
    const next = queue.after(request);
    yield request;
    request = next;
  }
}

/** When a time span ends; `Infinity` if `lengthMs` is undefined. */
function endOf(beganAt: number, lengthMs: number | undefined): number {
  return lengthMs === undefined ? Number.POSITIVE_INFINITY : beganAt + lengthMs;
}
