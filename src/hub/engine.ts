import type { Clock, Timer } from "../base/clock.js";
import { Bag, type Bagged } from "../base/containers/bag.js";
import type { GibbsError } from "../base/errors/error.js";
import { Flusher } from "../base/flusher.js";
import type { Random } from "../base/random.js";
import type { WorkerEffect } from "./core/effect.js";
import { HubCore } from "./core/hub-core.js";
import type { CoreLimits } from "./core/limits.js";
import type {
  Caller,
  Outcome,
  Request,
  RequestIdFormat,
  Submission,
  Ticket,
} from "./core/requests/request.js";
import type { Peer, UnreadResponse } from "./core/requests/unread.js";
import type { Session } from "./core/workers/session.js";

/** A stream that collects writes until the end of a flush. */
export interface Outlet extends Bagged {
  /** Writes what was collected. */
  flush(): void;
}

/** A worker's stream as the engine uses it. */
export interface WorkerPort extends Outlet {
  /**
   * Carries out an effect, on the stream or in what its next {@link flush} writes. No effect
   * follows an `end`.
   */
  perform(effect: WorkerEffect): void;
}

/**
 * Drives the core: passes it the time, flushes it when something happened or when it asked to be
 * woken, and carries out its decisions.
 */
export class Engine {
  readonly #core: HubCore;
  readonly #clock: Clock;
  readonly #workers = new Map<Session, WorkerPort>();
  /** Outlets with something to write. */
  readonly #unwritten = new Bag<Outlet>();
  readonly #whenIdle: (() => void)[] = [];
  readonly #flusher: Flusher;
  #flushing = false;
  #timer: (Timer & { at: number }) | undefined;

  constructor(limits: CoreLimits, clock: Clock, random: Random, formatId?: RequestIdFormat) {
    this.#core = new HubCore(limits, random, formatId);
    this.#clock = clock;
    this.#flusher = new Flusher(clock, (isTurnOver) => this.#flush(isTurnOver));
  }

  /** The time on the core's clock, in milliseconds. */
  now(): number {
    return this.#clock.now();
  }

  /**
   * Accepts a request; `caller` later receives its outcome, exactly once, under `callId`. Returns
   * the ticket for {@link cancel}.
   */
  submit(submission: Submission, caller: Caller, callId = 0): Ticket {
    return this.tell((core, now) => core.submit(submission, caller, callId, now));
  }

  /** Cancels a request whose caller has gone. Does nothing if the request is settled. */
  cancel(ticket: Ticket): void {
    this.tell((core, now) => core.cancel(ticket, now));
  }

  /**
   * Reserves room for a request of `bytes` bytes that has begun to arrive. Returns the function to
   * call once it has arrived, or the refusal if there is no room.
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

  /** Flushes `outlet` at the end of the current flush, or of the next one. */
  writeLater(outlet: Outlet): void {
    this.#unwritten.add(outlet);
    if (!this.#flushing) this.#flusher.soon();
  }

  /**
   * Counts a response of `bytes` bytes that was given to the transport for `peer`. Call it while a
   * request is being settled or an outlet is being written. `abandon` is called if the response is
   * not {@link sent} in time.
   */
  sending(peer: Peer, bytes: number, abandon: () => void): UnreadResponse {
    const response = this.#core.sending(peer, bytes, this.#clock.now());
    response.onAbandoned = abandon;
    return response;
  }

  /** Stops counting a response, which was taken or never will be. Only the first call counts. */
  sent(response: UnreadResponse): void {
    this.#core.sent(response);
  }

  /** Opens a session for a worker's stream. */
  open(port: WorkerPort): Session {
    return this.tell((core, now) => {
      const session = core.open(now);
      this.#workers.set(session, port);
      return session;
    });
  }

  /** Reports that the stream has closed, from either side. */
  lost(session: Session): void {
    this.#workers.delete(session);
    this.tell((core, now) => core.lost(session, now));
  }

  /** Reports an event to the core; a flush follows. */
  tell<T>(event: (core: HubCore, now: number) => T): T {
    const told = event(this.#core, this.#clock.now());
    this.#flusher.soon();
    return told;
  }

  /** Resolves when nothing is left to do. */
  idle(): Promise<void> {
    this.#flusher.soon();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  /** Stops the timer. Call it when idle. */
  dispose(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #flush(isTurnOver: boolean): void {
    const now = this.#clock.now();
    // Read what has arrived in the meantime before judging any worker.
    if (!isTurnOver && this.#core.isDue(now)) return this.#flusher.afterInput();
    this.#flushing = true;
    const effects = this.#core.flush(now);
    for (const effect of effects) {
      if (effect.kind === "settle") this.#settle(effect.request, effect.outcome);
      else if (effect.kind !== "abandon") this.#perform(effect);
    }
    // Done last: the end of a stream cancels its calls, and the jobs above may belong to them.
    for (const effect of effects) if (effect.kind === "abandon") effect.response.onAbandoned();
    for (const outlet of this.#unwritten.takeAll()) outlet.flush();
    this.#flushing = false;
    this.#sleep();
    if (this.#core.idle) for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  #settle(request: Request, outcome: Outcome): void {
    request.caller.settled(request.callId, request.requestId, outcome);
    this.#core.release(request);
  }

  #perform(effect: WorkerEffect): void {
    const port = this.#workers.get(effect.session);
    if (port === undefined) return;
    port.perform(effect);
    if (effect.kind === "end") this.#unwritten.delete(port);
    else this.#unwritten.add(port);
  }

  /** Keeps one timer, set to the time at which the core wants to be woken, or earlier. */
  #sleep(): void {
    const wakeAt = this.#core.nextWake();
    if (this.#timer !== undefined && this.#timer.at <= wakeAt) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (wakeAt === Number.POSITIVE_INFINITY) return;
    const timer = this.#clock.setTimer(Math.ceil(wakeAt - this.#clock.now()), () => {
      this.#timer = undefined;
      this.#flusher.afterInput();
    });
    this.#timer = { at: wakeAt, cancel: () => timer.cancel() };
  }
}
