import { TimerHeap } from "../../base/containers/timer-heap.js";
import type { Execution } from "../../base/errors/error.js";
import type { Effect } from "./effect.js";
import type { CoreLimits } from "./limits.js";
import type { Method } from "./matching/method.js";
import { Queues } from "./matching/queues.js";
import {
  checkResult,
  isThrown,
  type JobResult,
  runInfo,
  workerFailure,
} from "./requests/outcome.js";
import type { Caller, Request, RequestIdFormat, Submission, Ticket } from "./requests/request.js";
import { Requests } from "./requests/requests.js";
import { type Peer, UnreadResponse } from "./requests/unread.js";
import { Scheduler } from "./scheduler.js";
import { Sessions } from "./sessions.js";
import type { Suspect } from "./workers/crash-loops.js";
import { excuse, LARGE_BYTES, transferMs } from "./workers/liveness.js";
import { Job, type Session, type WorkerHello } from "./workers/session.js";
import * as sessionEnd from "./workers/session-end.js";

/** Anything that can have a timer. */
type TimerOwner = Request | Job | Session | Method | Suspect | UnreadResponse;

/**
 * The whole hub except its sockets: events only change state; {@link HubCore.flush} decides what
 * must be done now and returns it. No timers, no promises, no I/O: `now` is passed in, in
 * milliseconds on any clock that never steps.
 */
export class HubCore {
  readonly limits: CoreLimits;
  readonly requests: Requests;
  readonly workers: Sessions;
  readonly queues: Queues;
  /** Dropped input: terminal events that were late or from the wrong session, and excess slots. */
  readonly dropped = { terminalEvents: 0, slots: 0 };
  readonly #scheduler: Scheduler;
  readonly #timers = new TimerHeap<TimerOwner>();
  readonly #effects: Effect[] = [];
  #promisedWake = Number.POSITIVE_INFINITY;

  /**
   * `random` returns a number from 0 to 1, like `Math.random`; `formatId` makes ids for requests
   * without one.
   */
  constructor(limits: CoreLimits, random: () => number, formatId: RequestIdFormat = String) {
    this.limits = limits;
    const timers = this.#timers;
    const emit = (effect: Effect): void => this.#emit(effect);
    const requests = new Requests(limits, random, formatId);
    const queues = new Queues(limits);
    const parts = { limits, timers, requests, queues, random, emit };
    this.requests = requests;
    this.queues = queues;
    this.#scheduler = new Scheduler(parts);
    this.workers = new Sessions(parts, this.#scheduler);
  }

  /** The open worker streams. */
  get sessions(): ReadonlySet<Session> {
    return this.workers.open;
  }

  /** Whether all requests are settled and no session is open. */
  get idle(): boolean {
    return this.sessions.size === 0 && this.requests.live.size === 0;
  }

  /**
   * A caller submits a request. Its outcome arrives as a `settle` effect, in the next flush at the
   * earliest. Returns the ticket for {@link cancel}.
   */
  submit(submission: Submission, caller: Caller, callId: number, now: number): Ticket {
    return this.#scheduler.submit(submission, caller, callId, now).seq;
  }

  /** The `settle` of `request` has been carried out: the object may be reused. */
  release(request: Request): void {
    this.requests.release(request);
  }

  /** The caller has gone. Does nothing if the request is settled. */
  cancel(ticket: Ticket, now: number): void {
    const request = this.requests.live.get(ticket);
    if (request === undefined) return;
    const { state } = request;
    this.#scheduler.fail(request, "CLIENT_CANCELLED", "the caller cancelled", now);
    if (state instanceof Job) this.#cancelJob(state, "CLIENT_CANCELLED", now);
  }

  /** A response of `bytes` bytes has been handed to the transport for `peer`. */
  sending(peer: Peer, bytes: number, now: number): UnreadResponse {
    const response = new UnreadResponse(peer, bytes);
    this.requests.unread.add(response);
    this.#timers.set(response, now + this.limits.slowReaderTimeoutMs + transferMs(bytes));
    return response;
  }

  /** The caller has read `response`, or has gone. */
  sent(response: UnreadResponse): void {
    this.#timers.remove(response);
    this.requests.unread.remove(response);
  }

  /** A worker opened a stream. */
  open(now: number): Session {
    return this.workers.add(now);
  }

  /** The worker's first event. */
  hello(session: Session, hello: WorkerHello, now: number): void {
    if (session.state === "ended") return;
    if (session.state !== "opening") return this.violation(session, "a second hello", now);
    if (this.requests.draining) return this.workers.end(session, now, sessionEnd.draining());
    this.workers.welcome(session, hello, now);
  }

  /** The worker has `slots` more free slots. */
  ready(session: Session, slots: number, now: number): void {
    if (session.state === "opening") return this.violation(session, "ready before hello", now);
    if (slots < 1) return this.violation(session, "ready with zero slots", now);
    if (session.state !== "serving") return;
    this.dropped.slots += session.addCredit(slots);
    if (session.credit > 0 && !session.isHeldBack) this.queues.offer(session);
  }

  /** A job has a result. Counts once, and only from the session that holds the job. */
  result(session: Session, jobId: number, result: JobResult, now: number): void {
    const request = this.#finish(session, jobId, now);
    if (request === undefined) return;
    const checked = checkResult(result, this.limits.maxPayloadBytes);
    if (checked.kind === "failure") {
      // The worker has the same time limit, and most handlers throw when they are stopped.
      const isOver = now >= this.#timers.timeOf(request);
      if (isOver && isThrown(checked.failure)) return this.#scheduler.expire(request, now);
      const error = workerFailure(request, checked.failure, now);
      return this.#scheduler.settle(request, { kind: "failure", error });
    }
    const info = { ...runInfo(request, now), workerId: session.workerId };
    this.#scheduler.settle(request, { kind: "answer", payload: checked.payload, info });
  }

  /** A job ended without a result. */
  nack(session: Session, jobId: number, execution: Execution, why: string, now: number): void {
    const request = this.#finish(session, jobId, now);
    if (request === undefined) return;
    if (execution === "NOT_STARTED") this.#scheduler.refused(request, session, now);
    else this.#scheduler.lost(request, session, why || "the worker lost the job", now);
  }

  /** The worker wants no more jobs. */
  workerDrain(session: Session, now: number): void {
    if (session.state === "opening") return this.violation(session, "drain before hello", now);
    if (session.state === "serving") this.workers.retire(session, now);
  }

  /** Something arrived from the worker, no matter what. */
  heard(session: Session, now: number): void {
    session.lastHeardAt = now;
  }

  /** The worker announced a message of `bytes` bytes. */
  announced(session: Session, bytes: number, now: number): void {
    excuse(session, Math.min(bytes, this.limits.maxPayloadBytes + LARGE_BYTES), now);
  }

  /** The session's socket is full, or no longer is. */
  congested(session: Session, isFull: boolean): void {
    session.congested = isFull;
  }

  /** The stream is gone. Everything it sent must have been reported before. */
  lost(session: Session, now: number): void {
    this.workers.close(session, now, "the worker was lost");
  }

  /** The worker broke the protocol: ends its stream; earlier events still count. */
  violation(session: Session, what: string, now: number): void {
    this.workers.end(session, now, sessionEnd.violation(what));
  }

  /** Refuses new requests, lets running jobs finish, and tells workers to drain. */
  drain(now: number): void {
    if (this.requests.draining) return;
    this.#scheduler.drain(now);
    for (const session of [...this.sessions]) {
      if (session.state === "opening") this.workers.end(session, now, sessionEnd.draining());
      if (session.state !== "serving") continue;
      this.#emit({ kind: "drain", session });
      this.workers.retire(session, now);
    }
  }

  /** Drains, then ends everything that is left. */
  stop(now: number): void {
    this.drain(now);
    for (const request of this.requests.live) {
      const message = "the hub was stopped while the request ran";
      this.#scheduler.fail(request, "HUB_SHUTDOWN", message, now);
    }
    for (const session of [...this.sessions]) this.workers.end(session, now, sessionEnd.draining());
  }

  /** Decides what is due and who gets what; the effects must be carried out at once, in order. */
  flush(now: number): Effect[] {
    this.#forgiveStall(now);
    for (;;) {
      const due = this.#timers.popDue(now);
      if (due === undefined) break;
      this.#fire(due, now);
    }
    this.#scheduler.match(now);
    return this.#effects.splice(0);
  }

  /** Whether a flush is needed merely because time has passed. */
  isDue(now: number): boolean {
    return now >= Math.min(this.#promisedWake, this.#timers.earliest);
  }

  /** The latest time for the next flush; `Infinity` if none is needed. */
  nextWake(): number {
    this.#promisedWake = this.#timers.earliest;
    return this.#promisedWake;
  }

  #emit(effect: Effect): void {
    this.#effects.push(effect);
  }

  #fire(due: TimerOwner, now: number): void {
    switch (due.timed) {
      case "request":
        this.#expire(due, now);
        break;
      case "job":
        this.workers.end(due.session, now, sessionEnd.cancelIgnored(this.limits.cancelGraceMs));
        break;
      case "session":
        this.workers.check(due, now);
        break;
      case "suspect":
        this.workers.expire(due, now);
        break;
      case "response":
        this.requests.unread.remove(due);
        this.#emit({ kind: "abandon", response: due });
        break;
      case "method":
        this.#scheduler.expireWorkerless(due, now);
        break;
    }
  }

  #expire(request: Request, now: number): void {
    const { state } = request;
    this.#scheduler.expire(request, now);
    if (state instanceof Job) this.#cancelJob(state, "DEADLINE_EXCEEDED", now);
  }

  /** The answer of `job` is no longer wanted: its worker may stop. */
  #cancelJob(job: Job, reason: string, now: number): void {
    this.#emit({ kind: "cancel", session: job.session, jobId: job.id, reason });
    this.#timers.set(job, now + this.limits.cancelGraceMs);
  }

  /** Takes a job out of the ledger; returns its request if the answer is still wanted. */
  #finish(session: Session, jobId: number, now: number): Request | undefined {
    if (session.state === "opening") {
      this.violation(session, "a terminal event before hello", now);
      return undefined;
    }
    const job = session.finish(jobId);
    if (job !== undefined) {
      this.#timers.remove(job);
      if (session.isDrained) this.workers.end(session, now, undefined);
      if (job.request !== undefined) return job.request;
    }
    this.dropped.terminalEvents += 1;
    return undefined;
  }

  /** Ignores the silence of workers while the hub itself was stalled and could not hear them. */
  #forgiveStall(now: number): void {
    const lateMs = now - this.#promisedWake;
    if (lateMs < this.limits.heartbeatIntervalMs) return;
    this.workers.forgiveStall(lateMs, now);
    this.#promisedWake = now;
  }
}
