import { hostname } from "node:os";
import { formatAddress, parseAddress } from "../base/address.js";
import { type Clock, systemClock } from "../base/clock.js";
import { deferred } from "../base/deferred.js";
import { type GibbsError, messageOf } from "../base/errors/error.js";
import { gibbsError } from "../base/errors/reasons.js";
import { type Logger, silentLogger } from "../base/logger.js";
import { hubOfEnvironment } from "../base/options/common-options.js";
import { withDefaults } from "../base/options/option-table.js";
import { randomInstanceId } from "../base/random.js";
import { Wakeup } from "../base/wakeup.js";
import type { Executor } from "./executor.js";
import { HubConnection } from "./hub-connection.js";
import { follow, type LoopState } from "./loop-state.js";
import { type WorkerOptions, type WorkerSettings, workerOptionTable } from "./options.js";
import { Reconnect } from "./reconnect.js";
import { buildHello, type WorkerIdentity } from "./session/hello.js";
import type { SessionEnd } from "./session/session.js";

/** The reason that the worker gives the hub when it drains. */
const DRAIN_REASON = "the worker is shutting down";

let lastWorkerNumber = 0;

/**
 * Keeps a worker connected to its hub, one session after another, until it is drained. Events (a
 * call to `drain` or `close`, a welcome, the end of a stream, a timer) only wake the loop, which then
 * compares its goal with what it observes:
 *
 * | state | observes | next state |
 * |---|---|---|
 * | new | run | starting: the executor starts |
 * | new | drain, close | stopped |
 * | starting | the executor is ready | dialing: opens a stream, says hello |
 * | dialing | the hub's welcome | connected |
 * | connected | drain | draining: asks the hub to send no more jobs |
 * | dialing, connected | the end of the stream | waiting; stopping if the hub refused the worker or told it to exit |
 * | waiting | its timer | dialing |
 * | dialing | drain, close | closing: cancels the stream |
 * | connected, draining | close, `drainTimeoutMs` in draining | closing |
 * | draining, closing | the end of the stream | stopping: the executor stops |
 * | starting, waiting | drain, close, an executor that fails to start | stopping |
 * | stopping | the executor has stopped | stopped |
 */
export class WorkerLoop {
  readonly #options: WorkerSettings;
  readonly #executor: Executor;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #identity: WorkerIdentity;
  readonly #reconnect: Reconnect;
  readonly #slots = { free: 0 };
  readonly #wakeup = new Wakeup();
  readonly #started = deferred();
  readonly #connected = deferred();
  readonly #stopped = deferred();
  #state: LoopState = { kind: "new" };
  /** What the loop is working towards; it only moves forward. */
  #goal: "serve" | "drain" | "stop" = "serve";

  constructor(executor: Executor, options: WorkerOptions) {
    const { hub = hubOfEnvironment() } = options;
    this.#options = withDefaults(workerOptionTable, { ...options, hub });
    this.#executor = executor;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#identity = {
      workerId: options.workerId ?? `${hostname()}-${process.pid}-${++lastWorkerNumber}`,
      instanceId: randomInstanceId(),
    };
    // Reject a bad address here rather than in the background.
    this.#options.hub = formatAddress(parseAddress(this.#options.hub));
    this.#reconnect = new Reconnect(this.#options.hub, this.#clock, options.random ?? Math.random);
  }

  /** Resolves when the executor can run jobs. */
  get started(): Promise<void> {
    return this.#started.promise;
  }

  /** Resolves when a hub first welcomes the worker; rejects if the worker stops before that. */
  get connected(): Promise<void> {
    return this.#connected.promise;
  }

  /** Serves until the worker is drained, closed, or permanently refused. */
  run(): Promise<void> {
    if (this.#state.kind === "new") void this.#reconcile();
    return this.#stopped.promise;
  }

  /** Finishes running jobs, then ends {@link run}. Closes after `drainTimeoutMs`. */
  drain(): Promise<void> {
    if (this.#goal === "serve" && this.#state.kind !== "new" && this.#state.kind !== "stopped") {
      const { workerId } = this.#identity;
      this.#logger.info({ workerId }, `draining: ${DRAIN_REASON}`);
    }
    return this.#aim("drain");
  }

  /** Ends {@link run} immediately. The hub sees the worker as lost. */
  close(): Promise<void> {
    return this.#aim("stop");
  }

  /** Resolves when the worker has stopped; {@link run} reports the outcome. */
  #aim(goal: "drain" | "stop"): Promise<void> {
    if (this.#goal !== "stop") this.#goal = goal;
    if (this.#state.kind === "new") void this.#reconcile();
    else this.#wakeup.wake();
    return this.#stopped.promise.catch(() => {});
  }

  async #reconcile(): Promise<void> {
    try {
      while (this.#state.kind !== "stopped") {
        const before = this.#state;
        this.#step();
        if (this.#state === before) await this.#wakeup.wait();
      }
    } catch (error) {
      // A bug, or a logger that throws: leave nothing running.
      if ("connection" in this.#state) this.#state.connection.cancel();
      void this.#executor.stop();
      this.#settle(error);
    }
  }

  /** Takes one step towards the goal, if one is possible now. */
  #step(): void {
    const state = this.#state;
    const isLeaving = this.#goal !== "serve";
    switch (state.kind) {
      case "new":
        if (isLeaving) this.#end(undefined);
        else this.#start();
        break;
      case "starting":
        if (typeof state.executor === "object") this.#stop(state.executor.error);
        else if (isLeaving) this.#stop(undefined);
        else if (state.executor === "ready") this.#ready();
        break;
      case "dialing":
        if (state.connection.isWelcomed) this.#welcomed(state.connection);
        else if (state.connection.end !== undefined) this.#lost(state.connection.end);
        else if (isLeaving) this.#close(state.connection);
        break;
      case "connected":
        if (state.connection.end !== undefined) this.#lost(state.connection.end);
        else if (this.#goal === "drain") this.#drain(state.connection);
        else if (this.#goal === "stop") this.#close(state.connection);
        break;
      case "draining":
        if (state.connection.end !== undefined) this.#stop(undefined);
        else if (this.#goal === "stop") this.#close(state.connection);
        break;
      case "closing":
        if (state.connection.end !== undefined) this.#stop(undefined);
        break;
      case "waiting":
        if (isLeaving) this.#stop(undefined);
        else if (state.isOver) this.#dial();
        break;
      case "stopping":
        if (state.executor === "stopped") this.#end(state.error);
        break;
      case "stopped":
        break;
    }
  }

  #start(): void {
    const state: LoopState = { kind: "starting", executor: "pending" };
    this.#transition(state);
    this.#executor
      .start((change) => this.#onSlots(change))
      .then(
        () => {
          state.executor = "ready";
        },
        (error: unknown) => {
          state.executor = { error };
        },
      )
      .finally(() => this.#wakeup.wake());
  }

  #ready(): void {
    this.#started.resolve();
    this.#reconnect.reset();
    this.#dial();
  }

  #dial(): void {
    const { hub, maxPayloadBytes, connectTimeoutMs } = this.#options;
    const connection = new HubConnection({
      hub,
      maxPayloadBytes,
      connectTimeoutMs,
      clock: this.#clock,
      logger: this.#logger,
      executor: this.#executor,
      slots: this.#slots,
      hello: buildHello(this.#identity, this.#options, this.#executor),
      onChange: () => this.#wakeup.wake(),
    });
    this.#transition({ kind: "dialing", connection });
  }

  #welcomed(connection: HubConnection): void {
    this.#transition({ kind: "connected", connection });
    const { workerId } = this.#identity;
    this.#logger.info({ hub: this.#options.hub, workerId }, "connected to the hub");
    this.#connected.resolve();
  }

  #lost(end: SessionEnd): void {
    if (this.#goal !== "serve") return this.#stop(undefined);
    const { hub } = this.#options;
    const next = this.#reconnect.after(end);
    if (next.kind === "stop") return this.#stop(next.error);
    const why = end.error?.message ?? "the hub ended the stream";
    this.#logger.warn(
      { hub, pauseMs: Math.round(next.afterMs) },
      `no connection to the hub: ${why}`,
    );
    const timer = this.#clock.setTimer(next.afterMs, () => {
      state.isOver = true;
      this.#wakeup.wake();
    });
    const state = { kind: "waiting" as const, timer, isOver: false };
    this.#transition(state);
  }

  #drain(connection: HubConnection): void {
    const timeout = this.#clock.setTimer(this.#options.drainTimeoutMs, () => void this.close());
    this.#transition({ kind: "draining", connection, timeout });
    connection.drain(DRAIN_REASON);
  }

  #close(connection: HubConnection): void {
    this.#transition({ kind: "closing", connection });
    connection.cancel();
  }

  #stop(error: unknown): void {
    // Nothing will start from here on, so release anyone waiting for the start, unless it failed.
    if (error === undefined) this.#started.resolve();
    const state: LoopState = { kind: "stopping", error, executor: "pending" };
    this.#transition(state);
    this.#executor
      .stop()
      .catch((stopError: unknown) => {
        state.error = stopError;
      })
      .finally(() => {
        state.executor = "stopped";
        this.#wakeup.wake();
      });
  }

  #end(error: unknown): void {
    this.#transition({ kind: "stopped" });
    this.#settle(error);
  }

  #settle(error: unknown): void {
    this.#connected.reject(error ?? stopped());
    if (error === undefined) return this.#stopped.resolve();
    this.#logger.error({ err: error }, `the worker stopped: ${messageOf(error)}`);
    this.#stopped.reject(error);
  }

  #transition(next: LoopState): void {
    this.#state = follow(this.#state, next);
  }

  /** Called for every job, so it bypasses the loop. */
  #onSlots(change: number): void {
    this.#slots.free += change;
    if (change > 0 && "connection" in this.#state) this.#state.connection.offerSlots();
  }
}

function stopped(): GibbsError {
  return gibbsError("STOPPED", "the worker was stopped");
}
