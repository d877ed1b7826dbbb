import { LazyAbort } from "../../base/abort.js";
import type { Clock, Timer } from "../../base/clock.js";
import { IdMap } from "../../base/containers/id-map.js";
import type { Job } from "../../wire/messages/work.js";
import type { Executor, JobOutcome } from "../executor.js";
import { workerFixed } from "../options.js";
import { toInput } from "./job-events.js";

/** What a session's jobs require from their owner. */
export interface JobsPort {
  readonly clock: Clock;
  readonly executor: Executor;
  /** Returns the number of slots that the executor has free now. */
  freeSlots(): number;
}

/**
 * Receives the end of each job: exactly one of these methods is called, unless the job is orphaned.
 */
export interface JobsListener {
  onOutcome(jobId: number, outcome: JobOutcome): void;
  /** Receives a job that was not started. */
  onGivenBack(jobId: number, reason: string): void;
}

/** An accepted job: held until a slot is actually free, then running. */
interface AcceptedJob {
  job: Job;
  abort: LazyAbort;
  /** Fires when the job's time runs out. */
  timeout: Timer | undefined;
}

/** The jobs of one session, held or running. */
export class SessionJobs {
  readonly #port: JobsPort;
  readonly #listener: JobsListener;
  readonly #jobs = new IdMap<AcceptedJob>();
  /** The jobs that are waiting for a slot, in order, each with the timer that limits its wait. */
  readonly #held = new Map<AcceptedJob, Timer>();

  constructor(port: JobsPort, listener: JobsListener) {
    this.#port = port;
    this.#listener = listener;
  }

  /** The number of jobs that have a slot. */
  get running(): number {
    return this.#jobs.size - this.#held.size;
  }

  /** Starts a job, now or once a slot is free; gives it back if none becomes free in time. */
  accept(job: Job): void {
    const { jobId, timeoutMs } = job;
    const accepted: AcceptedJob = { job, abort: new LazyAbort(), timeout: undefined };
    this.#jobs.set(jobId, accepted);
    if (timeoutMs !== undefined) {
      accepted.timeout = this.#port.clock.setTimer(timeoutMs, () =>
        this.cancel(jobId, "its time has run out"),
      );
    }
    if (this.#port.freeSlots() > 0) return this.#start(accepted);
    // A slot that was free when its credit was granted may be gone because its process died while
    // idle. The replacement may be up in a moment.
    const patience = this.#port.clock.setTimer(workerFixed.holdMs, () =>
      this.#giveBack(jobId, "no slot became free for it"),
    );
    this.#held.set(accepted, patience);
  }

  /** Cancels a job: its answer is no longer wanted. */
  cancel(jobId: number, reason: string): void {
    const accepted = this.#jobs.get(jobId);
    if (accepted === undefined) return;
    if (this.#held.has(accepted)) this.#giveBack(jobId, reason);
    else accepted.abort.abort(new Error(reason));
  }

  /** Starts held jobs while slots are free. */
  startHeld(): void {
    for (const accepted of this.#held.keys()) {
      if (this.#port.freeSlots() === 0) return;
      this.#start(accepted);
    }
  }

  giveBackHeld(reason: string): void {
    for (const { job } of this.#held.keys()) this.#giveBack(job.jobId, reason);
  }

  /** Cancels running jobs and drops their outcomes, because the stream has ended. */
  orphan(): void {
    for (const accepted of this.#jobs.values()) {
      accepted.timeout?.cancel();
      accepted.abort.abort(new Error("the connection to the hub was lost"));
    }
    this.#jobs.clear();
    for (const patience of this.#held.values()) patience.cancel();
    this.#held.clear();
  }

  #start(accepted: AcceptedJob): void {
    const { jobId } = accepted.job;
    this.#release(accepted);
    this.#port.executor.run(toInput(accepted.job), accepted.abort, (outcome) => {
      if (this.#jobs.get(jobId) !== accepted) return;
      this.#forget(jobId);
      this.#listener.onOutcome(jobId, outcome);
    });
  }

  #giveBack(jobId: number, reason: string): void {
    this.#forget(jobId);
    this.#listener.onGivenBack(jobId, reason);
  }

  #forget(jobId: number): void {
    const accepted = this.#jobs.get(jobId);
    if (accepted === undefined) return;
    accepted.timeout?.cancel();
    this.#jobs.delete(jobId);
    this.#release(accepted);
  }

  /** Stops holding a job. */
  #release(accepted: AcceptedJob): void {
    const patience = this.#held.get(accepted);
    if (patience === undefined) return;
    patience.cancel();
    this.#held.delete(accepted);
  }
}
