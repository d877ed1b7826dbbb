import { Backoff } from "../../base/backoff.js";
import { type Clock, delay } from "../../base/clock.js";
import { messageOf } from "../../base/errors/error.js";
import { gibbsError } from "../../base/errors/reasons.js";
import type { Logger } from "../../base/logger.js";
import type { Random } from "../../base/random.js";
import type { Abort, Executor, JobInput, JobOutcome, ServedMethod } from "../executor.js";
import { workerFixed } from "../options.js";
import { Child, type ChildListener } from "./child.js";
import type { ChildSettings } from "./child-messages.js";

/** The settings of a pool. Times in milliseconds. */
export interface ChildPoolOptions {
  count: number;
  settings: ChildSettings;
  execArgv: readonly string[];
  killGraceMs: number;
  startTimeoutMs: number;
  clock: Clock;
  logger: Logger;
  random: Random;
}

/**
 * Runs jobs in separate processes, one at a time in each: blocking code does not delay heartbeats,
 * and a process that dies loses only its own job and is replaced.
 */
export class ChildPool implements Executor {
  readonly beatsWhileBusy = true;
  methods: readonly ServedMethod[] = [];
  readonly #options: ChildPoolOptions;
  /** Idle children are in the order in which they became idle. */
  readonly #children = new Set<Child>();
  readonly #stopping = new AbortController();
  #onSlots: (change: number) => void = () => {};
  #keepers: Promise<void>[] = [];
  /** How long a cancelled job may take to end, in milliseconds. */
  #graceMs: number;

  constructor(options: ChildPoolOptions) {
    this.#options = options;
    this.#graceMs = options.killGraceMs;
  }

  /** The ids of the processes that are alive now. */
  get pids(): number[] {
    return Array.from(this.#children, (child) => child.pid).filter((pid) => pid !== undefined);
  }

  async start(onSlots: (change: number) => void): Promise<void> {
    this.#onSlots = onSlots;
    const attempts = Array.from({ length: this.#options.count }, () => {
      let report: (failure: string | undefined) => void = () => {};
      const first = new Promise<string | undefined>((resolve) => {
        report = resolve;
      });
      this.#keepers.push(this.#keep(report));
      return first;
    });
    const failures = await Promise.all(attempts);
    if (this.#stopping.signal.aborted || failures.includes(undefined)) return;
    const message = `no worker process could be started: ${failures[0]}`;
    throw gibbsError("START_FAILED", message);
  }

  run(job: JobInput, { signal }: Abort, done: (outcome: JobOutcome) => void): void {
    const child = this.#longestIdle();
    if (child === undefined) {
      return done({ kind: "nack", execution: "NOT_STARTED", reason: "no process is free" });
    }
    this.#onSlots(-1);
    child.run(job, signal, this.#graceMs, (outcome) => {
      done(outcome);
      if (!child.idle) return;
      this.#children.delete(child);
      this.#children.add(child);
      this.#onSlots(1);
    });
  }

  limitGrace(hubGraceMs: number): void {
    // End the job well before the hub drops the whole worker because of one process.
    this.#graceMs = Math.min(this.#options.killGraceMs, hubGraceMs / 2);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#onSlots = () => {};
    for (const child of this.#children) child.kill();
    await Promise.all(this.#keepers);
  }

  #longestIdle(): Child | undefined {
    for (const child of this.#children) if (child.idle) return child;
    return undefined;
  }

  /** Keeps one place filled until the pool stops. Reports whether its first child came up. */
  async #keep(report: (failure: string | undefined) => void): Promise<void> {
    const { clock, logger, random } = this.#options;
    const backoff = new Backoff(workerFixed.respawn, random);
    while (!this.#stopping.signal.aborted) {
      let upAt = Number.POSITIVE_INFINITY;
      const why = await this.#live(() => {
        upAt = clock.now();
        report(undefined);
      });
      report(why);
      if (this.#stopping.signal.aborted) return;
      if (clock.now() - upAt > workerFixed.respawn.provenMs) backoff.reset();
      const pauseMs = backoff.next();
      logger.warn({ pauseMs: Math.round(pauseMs) }, `a worker process is replaced: ${why}`);
      await delay(clock, pauseMs, this.#stopping.signal);
    }
  }

  /** Runs one child from start to end. Returns how it ended. */
  #live(onUp: () => void): Promise<string> {
    const { settings, execArgv, clock, startTimeoutMs } = this.#options;
    return new Promise((resolve) => {
      let child: Child;
      const tooSlow = clock.setTimer(startTimeoutMs, () => child.kill());
      const listener: ChildListener = {
        onUp: (methods) => {
          tooSlow.cancel();
          this.methods = methods;
          onUp();
          this.#onSlots(1);
        },
        onGone: (why, wasIdle) => {
          tooSlow.cancel();
          this.#children.delete(child);
          if (wasIdle) this.#onSlots(-1);
          resolve(why);
        },
      };
      try {
        child = new Child(settings, execArgv, clock, listener);
        this.#children.add(child);
      } catch (error) {
        // For example, an environment too large for the system.
        tooSlow.cancel();
        resolve(`it could not be started: ${messageOf(error)}`);
      }
    });
  }
}
