import type { Clock, Timer } from "../base/clock.js";
import type { GibbsError } from "../base/error.js";
import type { Random } from "../base/random.js";
import type { HubEventInit } from "../wire/worker-events.js";
import type { Effect } from "./core/effect.js";
import { HubCore } from "./core/hub-core.js";
import type { CoreLimits } from "./core/limits.js";
import type { Outcome, Request, Submission } from "./core/request.js";
import type { Session } from "./core/session.js";
import type { Answer, Peer } from "./core/unread.js";

/** A stream that gathers what is to be written until the end of a flush. */
export interface Outlet {
  /** Writes what was gathered. */
  flush(): void;
}

/** A worker's stream as the engine uses it. */
export interface WorkerPort extends Outlet {
  /** Puts an event into the next write. */
  push(event: HubEventInit): void;
  /** Ends the stream after what was pushed: with OK, or with a status. */
  end(error: GibbsError | undefined): void;
  /** The answer to its hello. */
  welcome(): HubEventInit;
}

/** What is to be done on a worker's stream. */
type WorkerEffect = Exclude<Effect, { kind: "settle" | "abandon" }>;

/**
 * Drives the core: gives it the time, flushes it once a tick in which something
 * happened and once when it asked to be woken, and carries out what it decides.
 */
export class Engine {
  readonly #core: HubCore;
  readonly #clock: Clock;
  readonly #callers = new Map<Request, (outcome: Outcome) => void>();
  readonly #workers = new Map<Session, WorkerPort>();
  readonly #answers = new Map<Answer, () => void>();
  /** What the next flush is to write. */
  readonly #written = new Set<Outlet>();
  readonly #whenIdle: (() => void)[] = [];
  #flushScheduled = false;
  #flushing = false;
  #timer: (Timer & { at: number }) | undefined;

  constructor(limits: CoreLimits, clock: Clock, random: Random) {
    this.#core = new HubCore(limits, random);
    this.#clock = clock;
  }

  /** Time as the core counts it, in milliseconds. */
  now(): number {
    return this.#clock.now();
  }

  /** Takes a request in; `settle` is called once, later. */
  submit(submission: Submission, settle: (outcome: Outcome) => void): Request {
    return this.tell((core, now) => {
      const request = core.submit(submission, now);
      this.#callers.set(request, settle);
      return request;
    });
  }

  /**
   * A request of so many bytes has begun to arrive. Returns what is to be called
   * when it has, or why there is no room for it.
   */
  arriving(bytes: number): (() => void) | GibbsError {
    const { requests } = this.#core;
    const refusal = requests.arriving(bytes);
    if (refusal !== undefined) return refusal;
    let isOver = false;
    return () => {
      if (!isOver) requests.arrived(bytes);
      isOver = true;
    };
  }

  /** Has `outlet` written at the end of this flush, or of the next. */
  writeLater(outlet: Outlet): void {
    this.#written.add(outlet);
    if (!this.#flushing) this.#scheduleFlush();
  }

  /**
   * While a request is settled or an outlet is written: an answer of so many bytes was given to the
   * transport for `peer`. Returns what is to be called when it has been taken, or
   * never will be; `abandon` is called before that if it takes too long.
   */
  sending(peer: Peer, bytes: number, abandon: () => void): () => void {
    const answer = this.#core.sending(peer, bytes, this.#clock.now());
    this.#answers.set(answer, abandon);
    return () => {
      if (this.#answers.delete(answer)) this.#core.sent(answer);
    };
  }

  /** Takes a worker's stream in. */
  open(port: WorkerPort): Session {
    return this.tell((core, now) => {
      const session = core.open(now);
      this.#workers.set(session, port);
      return session;
    });
  }

  /** The stream has closed, whoever closed it. */
  lost(session: Session): void {
    this.#workers.delete(session);
    this.tell((core, now) => core.lost(session, now));
  }

  /** Tells the core what happened, and flushes it at the end of the tick. */
  tell<T>(event: (core: HubCore, now: number) => T): T {
    const told = event(this.#core, this.#clock.now());
    this.#scheduleFlush();
    return told;
  }

  /** Resolves when nothing is left to do. */
  idle(): Promise<void> {
    this.#scheduleFlush();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  /** Stops the timer. To be called when idle. */
  dispose(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    this.#clock.afterInput(() => this.#flush());
  }

  #flush(): void {
    this.#flushScheduled = false;
    this.#flushing = true;
    const effects = this.#core.flush(this.#clock.now());
    for (const effect of effects) {
      if (effect.kind === "settle") this.#settle(effect.request, effect.outcome);
      else if (effect.kind !== "abandon") this.#perform(effect);
    }
    // Last: the end of a stream cancels its calls, and the jobs above may be theirs.
    for (const effect of effects) if (effect.kind === "abandon") this.#abandon(effect.answer);
    for (const outlet of this.#written) outlet.flush();
    this.#written.clear();
    this.#flushing = false;
    this.#sleep();
    if (this.#core.idle) for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  #settle(request: Request, outcome: Outcome): void {
    const settle = this.#callers.get(request);
    this.#callers.delete(request);
    settle?.(outcome);
  }

  #abandon(answer: Answer): void {
    const abandon = this.#answers.get(answer);
    this.#answers.delete(answer);
    abandon?.();
  }

  #perform(effect: WorkerEffect): void {
    const port = this.#workers.get(effect.session);
    if (port === undefined) return;
    if (effect.kind === "end") {
      this.#written.delete(port);
      return port.end(effect.error);
    }
    port.push(effect.kind === "welcome" ? port.welcome() : toEvent(effect));
    this.#written.add(port);
  }

  /** Keeps one timer, set to when the core wants to be woken or earlier. */
  #sleep(): void {
    const wakeAt = this.#core.nextWake();
    if (this.#timer !== undefined && this.#timer.at <= wakeAt) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (wakeAt === Number.POSITIVE_INFINITY) return;
    const timer = this.#clock.setTimer(Math.ceil(wakeAt - this.#clock.now()), () => {
      this.#timer = undefined;
      // Not flushed here: what has arrived meanwhile is to be read before anyone is judged.
      this.#scheduleFlush();
    });
    this.#timer = { at: wakeAt, cancel: () => timer.cancel() };
  }
}

function toEvent(effect: Exclude<WorkerEffect, { kind: "end" | "welcome" }>): HubEventInit {
  switch (effect.kind) {
    case "job": {
      const { request, id } = effect.job;
      const { method, requestId, metadata } = request.submission;
      const value = {
        jobId: id,
        method,
        payload: request.submission.payload,
        attempt: request.attempts,
        metadata: [...metadata],
        requestId,
      };
      if (effect.timeLeftMs === Number.POSITIVE_INFINITY) return { case: "job", value };
      const timeoutMs = Math.min(Math.ceil(effect.timeLeftMs), MAX_TIMEOUT_MS);
      return { case: "job", value: { ...value, timeoutMs } };
    }
    case "cancel":
      return { case: "cancel", value: { jobId: effect.jobId, reason: effect.reason } };
    case "heartbeat":
      return { case: "heartbeat", value: {} };
    case "drain":
      return {
        case: "drain",
        value: { next: { case: "reconnectAfterMs", value: RECONNECT_AFTER_MS } },
      };
  }
}

/** The longest timeout that a job can name: uint32 on the wire. */
const MAX_TIMEOUT_MS = 2 ** 32 - 1;

/** A worker of a hub that shuts down comes back after this: another hub may take its place. */
const RECONNECT_AFTER_MS = 100;
