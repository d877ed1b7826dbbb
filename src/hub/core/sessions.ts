import type { Timed, TimerHeap } from "../../base/containers/timer-heap.js";
import type { GibbsError } from "../../base/errors/error.js";
import type { Effect } from "./effect.js";
import type { CoreLimits } from "./limits.js";
import type { Queues } from "./matching/queues.js";
import type { CoreParts, Scheduler } from "./scheduler.js";
import { CrashLoops, type Suspect } from "./workers/crash-loops.js";
import { beatIntervalMs, checkLiveness, forgive, nextCheckAt } from "./workers/liveness.js";
import { Session, type WorkerHello } from "./workers/session.js";
import * as sessionEnd from "./workers/session-end.js";

/** All open worker streams: their identity, liveness, and end. */
export class Sessions {
  readonly open: Set<Session> = new Set();
  readonly #limits: CoreLimits;
  readonly #timers: TimerHeap<Timed>;
  readonly #queues: Queues;
  readonly #scheduler: Scheduler;
  readonly #emit: (effect: Effect) => void;
  readonly #instances = new Map<string, Session>();
  readonly #crashLoops = new CrashLoops();
  #lastId = 0;

  constructor({ limits, timers, queues, emit }: CoreParts, scheduler: Scheduler) {
    this.#limits = limits;
    this.#timers = timers;
    this.#queues = queues;
    this.#scheduler = scheduler;
    this.#emit = emit;
  }

  /** Whether no session is open and no former worker is remembered. */
  get isClear(): boolean {
    return this.open.size + this.#instances.size + this.#crashLoops.size === 0;
  }

  /** Adds a new stream, which has not sent hello yet. */
  add(now: number): Session {
    const session = new Session(++this.#lastId, now);
    this.open.add(session);
    if (this.open.size > this.#limits.maxWorkers) {
      this.end(session, now, sessionEnd.tooMany(this.#limits.maxWorkers));
    } else {
      this.#timers.set(session, now + this.#limits.helloTimeoutMs);
    }
    return session;
  }

  /** The worker has sent hello: it serves from now on. */
  welcome(session: Session, hello: WorkerHello, now: number): void {
    const former = this.#instances.get(hello.instanceId);
    if (former !== undefined) this.end(former, now, sessionEnd.superseded());
    if (hello.instanceId !== "") this.#instances.set(hello.instanceId, session);
    session.begin(hello);
    session.isHeldBack = this.#crashLoops.isHeldBack(hello.workerId);
    this.#scheduler.join(session, now);
    this.#emit({ kind: "welcome", session });
    this.#watch(session);
  }

  /** Gives the session no more jobs, and ends it once it has finished those it has. */
  retire(session: Session, now: number): void {
    session.close("draining");
    this.#scheduler.leave(session, now);
    if (session.isDrained) this.end(session, now, undefined);
  }

  /** Ends the stream: with OK, or with `error`. */
  end(session: Session, now: number, error: GibbsError | undefined): void {
    if (session.state === "ended") return;
    this.close(session, now, error?.message ?? "the worker left");
    this.#emit({ kind: "end", session, error });
  }

  /** The stream has ended, and its jobs are lost. */
  close(session: Session, now: number, why: string): void {
    if (session.state === "ended") return;
    session.close("ended");
    this.#scheduler.leave(session, now);
    this.#timers.remove(session);
    this.open.delete(session);
    if (this.#instances.get(session.instanceId) === session) {
      this.#instances.delete(session.instanceId);
    }
    let lostAny = false;
    for (const job of session.inFlight.values()) {
      this.#timers.remove(job);
      if (job.request === undefined) continue;
      this.#scheduler.lost(job.request, session, why, now);
      lostAny = true;
    }
    session.inFlight.clear();
    if (lostAny && session.workerId !== "") this.#suspect(session.workerId, now);
  }

  /** Checks liveness: asks the worker for a sign of life, or ends the session, if due. */
  check(session: Session, now: number): void {
    const found = checkLiveness(session, this.#limits, this.#beatIntervalMs, now);
    if (found === "ask") {
      session.lastBeatAt = now;
      this.#emit({ kind: "heartbeat", session });
    } else if (found !== undefined) return this.end(session, now, found);
    this.#watch(session);
  }

  /**
   * Ignores the silence of all sessions for the `stallMs` during which the hub itself was stalled.
   */
  forgiveStall(stallMs: number, now: number): void {
    for (const session of this.open) {
      forgive(session, stallMs, now);
      if (session.state !== "opening") this.#watch(session);
    }
  }

  /** The hold or window of a suspect has ended. */
  expire(suspect: Suspect, now: number): void {
    const next = this.#crashLoops.expire(suspect);
    if (next === undefined) return;
    this.#timers.set(suspect, now + next.forMs);
    for (const session of this.#named(suspect.workerId)) {
      session.isHeldBack = false;
      if (session.credit > 0) this.#queues.offer(session);
    }
  }

  #suspect(workerId: string, now: number): void {
    const { suspect, forMs } = this.#crashLoops.lost(workerId);
    this.#timers.set(suspect, now + forMs);
    if (!suspect.isHeldBack) return;
    for (const session of this.#named(workerId)) {
      session.isHeldBack = true;
      this.#queues.withdraw(session);
    }
  }

  #named(workerId: string): Session[] {
    return [...this.open].filter((session) => session.workerId === workerId);
  }

  #watch(session: Session): void {
    this.#timers.set(session, nextCheckAt(session, this.#limits, this.#beatIntervalMs));
  }

  get #beatIntervalMs(): number {
    return beatIntervalMs(this.#limits, this.open.size);
  }
}
