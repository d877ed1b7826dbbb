import { hostname } from "node:os";
import { type Clock, systemClock } from "../base/clock.js";
import { deferred } from "../base/deferred.js";
import { type GibbsError, messageOf } from "../base/errors/error.js";
import { gibbsError } from "../base/errors/reasons.js";
import { parseHubAddresses } from "../base/hub-addresses.js";
import { type Logger, silentLogger } from "../base/logger.js";
import { hubOfEnvironment } from "../base/options/common-options.js";
import { withDefaults } from "../base/options/option-table.js";
import { Wakeup } from "../base/wakeup.js";
import { Endpoints } from "../wire/dial/endpoints.js";
import { Connections } from "./connections.js";
import type { Executor } from "./executor.js";
import type { HubConnection } from "./hub-connection.js";
import { follow, type LoopState } from "./loop-state.js";
import { type WorkerOptions, type WorkerSettings, workerOptionTable } from "./options.js";
import { Reconnect } from "./reconnect.js";
import type { SessionEnd } from "./session/session.js";
import { type OpenWorkStream, openWorkStream } from "./work-call.js";

/** The reasons that the worker gives the hub when it drains. */
const DRAIN_REASON = "the worker is shutting down";
const HAND_OVER_REASON = "the connection is going away; the worker has another one";

let lastWorkerNumber = 0;

/**
 * Keeps a worker connected to its hub, one session after another, until it is drained. Events (a
 * call to `drain` or `close`, a welcome, a GOAWAY, the end of a stream, a timer) only wake the loop,
 * which then compares its goal with what it observes:
 *
 * | state | observes | next state |
 * |---|---|---|
 * | new | run | starting: the executor starts |
 * | new | drain, close | stopped |
 * | starting | the executor is ready | dialing: opens a stream, says hello |
 * | dialing | the hub's welcome | connected: drains older connections, if any |
 * | connected | the connection is going away | dialing, or waiting if that happens often; the old connection stays open |
 * | dialing, connected | the end of the stream | waiting; draining if the hub refused the worker or told it to exit |
 * | waiting | its timer | dialing |
 * | dialing, connected, waiting | drain | draining: asks the hub to send no more jobs, on every connection |
 * | dialing, connected, waiting | close | closing: cancels every stream |
 * | draining | close, `drainTimeoutMs` | closing |
 * | draining, closing | no stream is left | stopping: the executor stops |
 * | starting | drain, close, an executor that fails to start | stopping |
 * | stopping | the executor has stopped | stopped |
 */
export class WorkerLoop {
  readonly #options: WorkerSettings;
  readonly #executor: Executor;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #workerId: string;
  readonly #connections: Connections;
  readonly #reconnect: Reconnect;
  readonly #wakeup = new Wakeup();
  readonly #started = deferred();
  readonly #connected = deferred();
  readonly #stopped = deferred();
  #state: LoopState = { kind: "new" };
  /** What the loop is working towards; it only moves forward. */
  #goal: "serve" | "drain" | "stop" = "serve";

  /** @param openStream opens the stream of each session; with grpc-js by default. */
  constructor(
    executor: Executor,
    options: WorkerOptions,
    openStream: OpenWorkStream = openWorkStream,
  ) {
    const { hub = hubOfEnvironment() } = options;
    const worker = withDefaults(workerOptionTable, { ...options, hub });
    this.#options = worker;
    this.#executor = executor;
    const { clock = systemClock, logger = silentLogger, random = Math.random } = options;
    this.#clock = clock;
    this.#logger = logger;
    this.#workerId = options.workerId ?? `${hostname()}-${process.pid}-${++lastWorkerNumber}`;
    const onChange = (): void => this.#wakeup.wake();
    const endpoints = new Endpoints(parseHubAddresses(worker.hub), { clock, random });
    worker.hub = endpoints.toString();
    const shared = { worker, endpoints, clock, logger, executor, openStream, onChange };
    this.#connections = new Connections(this.#workerId, shared);
    this.#reconnect = new Reconnect(endpoints, random);
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
      const workerId = this.#workerId;
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
      this.#connections.cancel();
      void this.#executor.stop();
      this.#settle(error);
    }
  }

  /** Takes one step towards the goal, if one is possible now. */
  #step(): void {
    const state = this.#state;
    const current = "current" in state ? state.current : undefined;
    if (this.#connections.forgetEnded(current) && this.#goal === "serve") this.#goal = "drain";
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
        if (state.current.isWelcomed) this.#welcomed(state.current);
        else if (state.current.end !== undefined) this.#lost(state.current, state.current.end);
        else if (isLeaving) this.#leave(undefined);
        break;
      case "connected":
        if (state.current.end !== undefined) this.#lost(state.current, state.current.end);
        else if (isLeaving) this.#leave(undefined);
        else if (state.current.isGoingAway) this.#handOver(state.current);
        break;
      case "waiting":
        if (isLeaving) this.#leave(undefined);
        else if (state.isOver) this.#dial();
        break;
      case "draining":
        if (this.#connections.isEmpty) this.#stop(state.error);
        else if (this.#goal === "stop") this.#close(state.error);
        break;
      case "closing":
        if (this.#connections.isEmpty) this.#stop(state.error);
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
      .start((change) => this.#connections.addFreeSlots(change))
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
    this.#transition({ kind: "dialing", current: this.#connections.open() });
  }

  #welcomed(current: HubConnection): void {
    this.#transition({ kind: "connected", current });
    this.#connections.handOverTo(current, HAND_OVER_REASON);
    const hub = current.endpoint?.name ?? this.#options.hub;
    this.#logger.info({ hub, workerId: this.#workerId }, "connected to the hub");
    this.#connected.resolve();
  }

  /** Opens another connection. The old one serves until the hub has welcomed the worker there. */
  #handOver(current: HubConnection): void {
    this.#connections.renewInstance();
    const { hub } = this.#options;
    this.#logger.info({ hub }, "the connection is going away: opening another");
    const pauseMs = this.#reconnect.afterGoAway(current.endpoint);
    if (pauseMs === 0) this.#dial();
    else this.#wait(pauseMs);
  }

  #lost(current: HubConnection, end: SessionEnd): void {
    this.#connections.forget(current);
    if (this.#goal !== "serve") return this.#leave(undefined);
    const { hub } = this.#options;
    const next = this.#reconnect.after(end, current.endpoint);
    if (next.kind === "stop") return this.#leave(next.error);
    const why = end.error?.message ?? "the hub ended the stream";
    this.#logger.warn(
      { hub, pauseMs: Math.round(next.afterMs) },
      `no connection to the hub: ${why}`,
    );
    this.#wait(next.afterMs);
  }

  #wait(pauseMs: number): void {
    const timer = this.#clock.setTimer(pauseMs, () => {
      state.isOver = true;
      this.#wakeup.wake();
    });
    const state = { kind: "waiting" as const, timer, isOver: false };
    this.#transition(state);
  }

  /** Leaves the hub, with the error that {@link run} ends with: at once to stop, else by a drain. */
  #leave(error: unknown): void {
    if (this.#goal === "stop") return this.#close(error);
    const timeout = this.#clock.setTimer(this.#options.drainTimeoutMs, () => void this.close());
    this.#transition({ kind: "draining", timeout, error });
    this.#connections.drain(DRAIN_REASON);
  }

  #close(error: unknown): void {
    this.#transition({ kind: "closing", error });
    this.#connections.cancel();
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
}

function stopped(): GibbsError {
  return gibbsError("STOPPED", "the worker was stopped");
}
