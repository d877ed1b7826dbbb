import { hostname } from "node:os";
import { formatAddress, parseAddress } from "../base/address.js";
import { Backoff } from "../base/backoff.js";
import { type Clock, delay, systemClock } from "../base/clock.js";
import { type Code, GibbsError, messageOf } from "../base/error.js";
import { fixed } from "../base/limits.js";
import { type Logger, silentLogger } from "../base/logger.js";
import { withDefaults } from "../base/option-table.js";
import { type Random, randomInstanceId } from "../base/random.js";
import { gibbsError } from "../base/reasons.js";
import { SDK } from "../base/version.js";
import {
  decodeWorkResponse,
  encodeWorkerEvents,
  HeartbeatMode,
  type HubEvent,
  Idempotency,
  type WorkerEventInit,
} from "../wire/worker-events.js";
import { type Connection, connect } from "./connection.js";
import type { Executor, ServedMethod } from "./executor.js";
import {
  type WorkerOptions,
  type WorkerSettings,
  workerFixed,
  workerOptionTable,
} from "./options.js";
import { type SessionEnd, WorkerSession } from "./session.js";

/** Statuses after which dialling again makes no sense. */
const finalCodes: ReadonlySet<Code> = new Set([
  "UNAUTHENTICATED",
  "PERMISSION_DENIED",
  "INVALID_ARGUMENT",
  "FAILED_PRECONDITION",
  "UNIMPLEMENTED",
]);

let lastWorkerNumber = 0;

/**
 * A worker's life: one session with the hub after another until it is drained.
 *
 * | from | event | to |
 * |---|---|---|
 * | new | run | running: dial, serve, pause, dial again |
 * | new | drain, close | stopped |
 * | running | drain, close | draining: the session finishes or is cut, none follows |
 * | running | final status, hub's exit | stopped |
 * | draining | session over | stopped |
 */
export class WorkerLife {
  readonly #options: WorkerSettings;
  readonly #executor: Executor;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #random: Random;
  readonly #workerId: string;
  readonly #instanceId: Uint8Array = randomInstanceId();
  readonly #stopping = new AbortController();
  readonly #started = deferred();
  readonly #connected = deferred();
  #phase: "new" | "running" | "draining" | "stopped" = "new";
  #free = 0;
  #current: { session: WorkerSession; connection: Connection } | undefined;
  #stopped: Promise<void> | undefined;

  constructor(executor: Executor, options: WorkerOptions) {
    this.#options = withDefaults(workerOptionTable, options);
    this.#executor = executor;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#random = options.random ?? Math.random;
    this.#workerId = options.workerId ?? `${hostname()}-${process.pid}-${++lastWorkerNumber}`;
    // Fails here and not in the background.
    this.#options.hub = formatAddress(parseAddress(this.#options.hub));
  }

  /** Resolves when the executor can compute. */
  get started(): Promise<void> {
    return this.#started.promise;
  }

  /** Resolves when a hub has welcomed the worker for the first time; rejects if it ends before. */
  get connected(): Promise<void> {
    return this.#connected.promise;
  }

  /** Serves until the worker is drained, closed, or told to stop for good. */
  run(): Promise<void> {
    this.#stopped ??= this.#run().then(
      () => this.#end(stopped()),
      (error: unknown) => {
        this.#logger.error({ err: error }, `the worker stops: ${messageOf(error)}`);
        this.#end(error);
        throw error;
      },
    );
    return this.#stopped;
  }

  /** Finishes what runs, then ends {@link run}. After `drainTimeoutMs` it closes. */
  async drain(reason: string): Promise<void> {
    if (this.#phase === "new") this.#end(stopped());
    if (this.#phase === "running") {
      this.#phase = "draining";
      this.#logger.info({ workerId: this.#workerId }, `draining: ${reason}`);
      if (this.#current?.session.isWelcomed) this.#current.session.drain(reason);
      else this.#stop();
    }
    const patience = new AbortController();
    const tooLong = delay(this.#clock, this.#options.drainTimeoutMs, patience.signal).then(() => {
      if (!patience.signal.aborted) this.#stop();
    });
    // Whether it ended well is told by run().
    const ended = this.#stopped?.catch(() => {});
    await Promise.race([ended, tooLong]);
    patience.abort();
    await ended;
  }

  /** Ends {@link run} at once. The hub sees the worker as lost. */
  async close(): Promise<void> {
    this.#stop();
    await this.#stopped?.catch(() => {});
  }

  #end(why: unknown): void {
    this.#phase = "stopped";
    this.#connected.reject(why);
  }

  #stop(): void {
    if (this.#phase === "new") this.#end(stopped());
    if (this.#phase === "running") this.#phase = "draining";
    this.#stopping.abort();
    this.#current?.connection.cancel();
  }

  async #run(): Promise<void> {
    if (this.#phase !== "new") return;
    this.#phase = "running";
    try {
      const started = this.#executor.start((change) => this.#onSlots(change));
      await Promise.race([started, whenAborted(this.#stopping.signal)]);
      this.#started.resolve();
      await this.#serveForEver();
    } finally {
      await this.#executor.stop();
    }
  }

  async #serveForEver(): Promise<void> {
    const backoff = new Backoff(workerFixed.reconnect, this.#random);
    let awaySince = this.#clock.now();
    while (this.#phase === "running") {
      const { error, welcomed, next } = await this.#serveOnce();
      if (this.#phase !== "running" || next?.kind === "exit") return;
      if (error !== undefined && isFinal(error)) throw explainFinal(error, this.#options.hub);
      if (welcomed) {
        backoff.reset();
        awaySince = this.#clock.now();
      }
      const awayLong = this.#clock.now() - awaySince > workerFixed.reconnectSlow.afterMs;
      const pauseMs = backoff.next(awayLong ? workerFixed.reconnectSlow.maxMs : undefined);
      const fields = { hub: this.#options.hub, pauseMs: Math.round(pauseMs) };
      this.#logger.warn(
        fields,
        `no connection to the hub: ${error?.message ?? "it ended the stream"}`,
      );
      await delay(this.#clock, Math.max(pauseMs, next?.afterMs ?? 0), this.#stopping.signal);
    }
  }

  /** One session, from the dial to the end of its stream. */
  #serveOnce(): Promise<SessionEnd> {
    return new Promise((resolve) => {
      const { hub, maxPayloadBytes, connectTimeoutMs } = this.#options;
      let gaveUp: string | undefined;
      const connection = connect(hub, maxPayloadBytes, {
        onMessage: (encoded) => {
          let events: HubEvent[];
          try {
            events = decodeWorkResponse(encoded);
          } catch (err) {
            this.#logger.error({ err }, "the hub sent a message that cannot be read");
            return connection.cancel();
          }
          session.receive(events);
        },
        onEnd: (error) => {
          this.#current = undefined;
          resolve(
            session.ended(gaveUp === undefined ? error : new GibbsError("UNAVAILABLE", gaveUp)),
          );
        },
      });
      const session = new WorkerSession(
        {
          clock: this.#clock,
          executor: this.#executor,
          freeSlots: () => this.#free,
          send: (events) => {
            for (const message of encodeWorkerEvents(events)) connection.write(message);
          },
          giveUp: (why) => {
            gaveUp = why;
            connection.cancel();
          },
          onWelcome: () => {
            this.#logger.info({ hub, workerId: this.#workerId }, "connected to the hub");
            this.#connected.resolve();
          },
        },
        this.#hello(),
        connectTimeoutMs,
      );
      this.#current = { session, connection };
    });
  }

  #onSlots(change: number): void {
    this.#free += change;
    if (change > 0) this.#current?.session.offerSlots();
  }

  #hello(): WorkerEventInit {
    const { name, version, labels, maxPayloadBytes } = this.#options;
    const { ALWAYS, WHEN_IDLE } = HeartbeatMode;
    return {
      case: "hello",
      value: {
        workerId: this.#workerId,
        instanceId: this.#instanceId,
        name,
        version,
        sdk: SDK,
        methods: this.#executor.methods.map(toWireMethod),
        labels: { ...labels },
        heartbeatMode: this.#executor.beatsWhileBusy ? ALWAYS : WHEN_IDLE,
        maxReceiveBytes: maxPayloadBytes + fixed.envelopeBytes,
      },
    };
  }
}

/** A promise to be settled from outside, whose rejection need not be looked at. */
function deferred(): { promise: Promise<void>; resolve(): void; reject(why: unknown): void } {
  let resolve = (): void => {};
  let reject = (_why: unknown): void => {};
  const promise = new Promise<void>((resolvePromise, rejectPromise) => {
    resolve = resolvePromise;
    reject = rejectPromise;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}

function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
}

function toWireMethod({ name, idempotent }: ServedMethod): {
  name: string;
  idempotency: Idempotency;
} {
  if (idempotent === undefined) return { name, idempotency: Idempotency.UNSPECIFIED };
  return { name, idempotency: idempotent ? Idempotency.IDEMPOTENT : Idempotency.NOT_IDEMPOTENT };
}

function stopped(): GibbsError {
  return gibbsError("STOPPED", "the worker was stopped");
}

function isFinal(error: GibbsError): boolean {
  return finalCodes.has(error.code) || error.reason === "SUPERSEDED";
}

function explainFinal(error: GibbsError, hub: string): GibbsError {
  const hint =
    error.code === "UNIMPLEMENTED"
      ? `is ${hub} a gibbs hub?`
      : "connecting again would end the same way";
  const message = `the hub refused this worker: ${error.message}; ${hint}`;
  return new GibbsError(error.code, message, { reason: error.reason, cause: error });
}
