import { LazyAbort } from "../base/abort.js";
import type { Clock, Timer } from "../base/clock.js";
import type { GibbsError } from "../base/error.js";
import { Flusher } from "../base/flusher.js";
import { IdMap } from "../base/id-map.js";
import { MAX_BATCH_BYTES } from "../wire/batch.js";
import {
  type HubEvent,
  type Job,
  type Welcome,
  WireExecution,
  type WorkerEventInit,
} from "../wire/worker-events.js";
import { type Executor, type JobOutcome, tooLarge } from "./executor.js";
import { toInput, toTerminalEvent } from "./job-events.js";
import { workerFixed } from "./options.js";

/** How a session ended, and what is to come after it. */
export interface SessionEnd {
  /** Why the stream broke; undefined after a clean end. */
  error: GibbsError | undefined;
  /** Whether the hub had welcomed the worker. */
  welcomed: boolean;
  /** What the hub asked for when it drained. */
  next: { kind: "reconnect"; afterMs: number } | { kind: "exit" } | undefined;
}

/** What a session needs of its surroundings. */
export interface SessionPort {
  clock: Clock;
  executor: Executor;
  /** The free slots of the executor, now. */
  freeSlots(): number;
  /** Writes events, after those of earlier calls. */
  send(events: readonly WorkerEventInit[]): void;
  /** The hub stopped speaking, or never began: give the stream up. */
  giveUp(why: string): void;
  onWelcome(): void;
}

/** A job of this session: held until a slot is really free, then running. */
interface AcceptedJob {
  job: Job;
  abort: LazyAbort;
  /** When its time is over. */
  timeout: Timer | undefined;
  /** When it has been held for too long. */
  patience: Timer | undefined;
}

/** How long the hub may still be silent. */
interface Silence {
  timer: Timer;
  lastHeardAt: number;
  patienceMs: number;
  dueAt: number;
}

/**
 * One stream to the hub, from hello to its end: credit up, jobs down, one
 * terminal event for each job. Knows nothing of gRPC.
 */
export class WorkerSession {
  readonly #port: SessionPort;
  readonly #jobs = new IdMap<AcceptedJob>();
  /** Those of them that wait for a slot, in their order. */
  readonly #held = new Set<AcceptedJob>();
  /** Credit that the hub has and has not used. */
  #credit = 0;
  #welcome: Welcome | undefined;
  #next: SessionEnd["next"];
  #phase: "serving" | "draining" | "ended" = "serving";
  #outbox: WorkerEventInit[] = [];
  readonly #flusher: Flusher;
  #silence: Silence;

  /** Says hello, and gives credit for what is free. */
  constructor(port: SessionPort, hello: WorkerEventInit, connectTimeoutMs: number) {
    this.#port = port;
    this.#flusher = new Flusher(port.clock, () => this.#flush());
    this.#silence = this.#listen(connectTimeoutMs);
    this.#push(hello);
    this.offerSlots();
  }

  /** Whether the hub has answered hello: before that it has given nothing. */
  get isWelcomed(): boolean {
    return this.#welcome !== undefined;
  }

  /** Something arrived from the hub. */
  receive(events: readonly HubEvent[]): void {
    if (this.#phase === "ended") return;
    this.#silence.lastHeardAt = this.#port.clock.now();
    for (const { event } of events) {
      switch (event.case) {
        case "welcome":
          this.#onWelcome(event.value);
          break;
        case "job":
          this.#onJob(event.value);
          break;
        case "cancel":
          this.#onCancel(event.value.jobId, event.value.reason);
          break;
        case "heartbeat":
          this.#push({ case: "heartbeat", value: {} });
          break;
        case "drain":
          this.#next =
            event.value.next.case === "exit"
              ? { kind: "exit" }
              : { kind: "reconnect", afterMs: event.value.next.value ?? 0 };
          this.#stopTaking("the hub is draining");
          break;
        case undefined:
          break;
      }
    }
  }

  /** Slots came or went: starts held jobs, or gives credit for what is free. */
  offerSlots(): void {
    if (this.#phase === "ended") return;
    for (const accepted of this.#held) {
      if (this.#port.freeSlots() === 0) return;
      this.#start(accepted);
    }
    const more = this.#port.freeSlots() - this.#credit;
    if (this.#phase !== "serving" || more <= 0) return;
    this.#credit += more;
    this.#push({ case: "ready", value: { slots: more } });
  }

  /** Asks the hub for no more jobs; it ends the stream when all are over. */
  drain(reason: string): void {
    if (this.#phase !== "serving") return;
    this.#push({ case: "drain", value: { reason } });
    this.#stopTaking(reason);
  }

  /** The stream is gone. What still runs is told so, and its outcome is dropped. */
  ended(error: GibbsError | undefined): SessionEnd {
    this.#phase = "ended";
    this.#silence.timer.cancel();
    for (const accepted of this.#jobs.values()) {
      accepted.timeout?.cancel();
      accepted.patience?.cancel();
      accepted.abort.abort(new Error("the connection to the hub was lost"));
    }
    this.#jobs.clear();
    this.#held.clear();
    return { error, welcomed: this.#welcome !== undefined, next: this.#next };
  }

  #onWelcome(welcome: Welcome): void {
    if (this.#welcome !== undefined) return;
    this.#welcome = welcome;
    this.#silence.timer.cancel();
    this.#silence = this.#listen(welcome.hubTimeoutMs);
    this.#port.executor.limitGrace?.(welcome.cancelGraceMs);
    this.#port.onWelcome();
  }

  #onJob(job: Job): void {
    this.#credit = Math.max(0, this.#credit - 1);
    if (this.#phase !== "serving") return this.#giveBack(job.jobId, "the worker is draining");
    const accepted: AcceptedJob = {
      job,
      abort: new LazyAbort(),
      timeout: undefined,
      patience: undefined,
    };
    this.#jobs.set(job.jobId, accepted);
    if (job.timeoutMs !== undefined) {
      accepted.timeout = this.#port.clock.setTimer(job.timeoutMs, () =>
        this.#onCancel(job.jobId, "its time is over"),
      );
    }
    if (this.#port.freeSlots() > 0) return this.#start(accepted);
    // A slot can be gone that was free when its credit was given: a process that
    // died while idle. The one that replaces it may be there in a moment.
    this.#held.add(accepted);
    accepted.patience = this.#port.clock.setTimer(workerFixed.holdMs, () =>
      this.#giveBack(job.jobId, "no slot came free for it"),
    );
  }

  #onCancel(jobId: number, reason: string): void {
    const accepted = this.#jobs.get(jobId);
    if (accepted === undefined) return;
    if (this.#held.has(accepted)) this.#giveBack(jobId, reason);
    else accepted.abort.abort(new Error(reason));
  }

  #start(accepted: AcceptedJob): void {
    const { jobId } = accepted.job;
    this.#held.delete(accepted);
    accepted.patience?.cancel();
    this.#port.executor.run(toInput(accepted.job), accepted.abort, (outcome) => {
      if (this.#jobs.get(jobId) !== accepted) return;
      this.#forget(jobId);
      this.#pushOutcome(jobId, this.#fitted(outcome));
    });
  }

  /** The outcome, or that it is larger than the hub takes. */
  #fitted(outcome: JobOutcome): JobOutcome {
    const maxBytes = this.#welcome?.maxPayloadBytes ?? Number.POSITIVE_INFINITY;
    if (outcome.kind !== "payload" || outcome.payload.length <= maxBytes) return outcome;
    return tooLarge(outcome.payload.length, maxBytes);
  }

  #pushOutcome(jobId: number, outcome: JobOutcome): void {
    if (outcome.kind === "payload" && outcome.payload.length >= MAX_BATCH_BYTES) {
      // Ahead of it, in a write of its own, so that the hub does not take the time
      // that it needs on a slow link for silence.
      const pendingBytes = outcome.payload.length;
      this.#port.send([{ case: "heartbeat", value: { pendingBytes } }]);
    }
    this.#push(toTerminalEvent(jobId, outcome));
  }

  #giveBack(jobId: number, reason: string): void {
    this.#forget(jobId);
    this.#push({ case: "nack", value: { jobId, execution: WireExecution.NOT_STARTED, reason } });
    this.offerSlots();
  }

  #forget(jobId: number): void {
    const accepted = this.#jobs.get(jobId);
    if (accepted === undefined) return;
    accepted.timeout?.cancel();
    accepted.patience?.cancel();
    this.#jobs.delete(jobId);
    this.#held.delete(accepted);
  }

  #stopTaking(reason: string): void {
    if (this.#phase === "serving") this.#phase = "draining";
    this.#credit = 0;
    for (const { job } of this.#held) this.#giveBack(job.jobId, reason);
  }

  /** All that happens at one instant travels in one write. */
  #push(event: WorkerEventInit): void {
    this.#outbox.push(event);
    this.#flusher.soon();
  }

  #flush(): void {
    const events = this.#outbox;
    this.#outbox = [];
    if (this.#phase !== "ended") this.#port.send(events);
  }

  #listen(patienceMs: number): Silence {
    const now = this.#port.clock.now();
    const timer = this.#port.clock.setTimer(patienceMs, () => this.#judge());
    return { timer, lastHeardAt: now, patienceMs, dueAt: now + patienceMs };
  }

  /** The hub has been silent, unless it was this process that stood still or did not listen. */
  #judge(): void {
    const { clock } = this.#port;
    clock.afterInput(() => {
      if (this.#phase === "ended") return;
      const silence = this.#silence;
      const now = clock.now();
      const lateMs = Math.max(0, now - silence.dueAt);
      silence.lastHeardAt = Math.min(now, silence.lastHeardAt + lateMs);
      const leftMs = silence.lastHeardAt + silence.patienceMs - now;
      if (leftMs <= 0) return this.#port.giveUp(`the hub was silent for ${silence.patienceMs} ms`);
      silence.dueAt = now + leftMs;
      silence.timer = clock.setTimer(leftMs, () => this.#judge());
    });
  }
}
