import type { Clock } from "../base/clock.js";
import type { GibbsError } from "../base/errors/error.js";
import type { Logger } from "../base/logger.js";
import {
  decodeWorkResponse,
  encodeWorkerEvents,
  type HubEvent,
  type WorkerEventInit,
} from "../wire/messages/work.js";
import type { Executor } from "./executor.js";
import { type SessionEnd, type SessionPort, WorkerSession } from "./session/session.js";
import { openWorkStream, type WorkStream, type WorkStreamListener } from "./work-call.js";

/** The settings of a connection. Times in milliseconds. */
export interface HubConnectionOptions {
  /** The address of the hub. */
  hub: string;
  maxPayloadBytes: number;
  /** How long the hub may take to welcome the worker. */
  connectTimeoutMs: number;
  clock: Clock;
  logger: Logger;
  executor: Executor;
  /** The free slots of the executor, kept up to date. */
  slots: { readonly free: number };
  hello: WorkerEventInit;
  /** Called when `isWelcomed` or `end` has changed. */
  onChange(): void;
}

/** A session with the hub and the stream that carries it, from dialing to the end of both. */
export class HubConnection implements WorkStreamListener, SessionPort {
  readonly clock: Clock;
  readonly executor: Executor;
  readonly #logger: Logger;
  readonly #slots: { readonly free: number };
  readonly #onChange: () => void;
  readonly #stream: WorkStream;
  readonly #session: WorkerSession;

  constructor(options: HubConnectionOptions) {
    this.clock = options.clock;
    this.executor = options.executor;
    this.#logger = options.logger;
    this.#slots = options.slots;
    this.#onChange = options.onChange;
    this.#stream = openWorkStream(options.hub, options.maxPayloadBytes, this);
    this.#session = new WorkerSession(this, options.hello, options.connectTimeoutMs);
  }

  /** Whether the hub has welcomed the worker, even if the connection has ended since. */
  get isWelcomed(): boolean {
    return this.#session.isWelcomed;
  }

  /** How the connection ended; undefined until then. */
  get end(): SessionEnd | undefined {
    return this.#session.end;
  }

  /** Reports that slots have become free. */
  offerSlots(): void {
    this.#session.offerSlots();
  }

  /**
   * Asks the hub to send no more jobs; the hub ends the stream once all jobs have ended. Call only
   * after the welcome.
   */
  drain(reason: string): void {
    this.#session.drain(reason);
  }

  /** Cancels the stream; `onEnd` follows. */
  cancel(): void {
    this.#stream.cancel();
  }

  onMessage(encoded: Uint8Array): void {
    let events: HubEvent[];
    try {
      events = decodeWorkResponse(encoded);
    } catch (err) {
      this.#logger.error({ err }, "the hub sent a malformed message");
      return this.cancel();
    }
    this.#session.receive(events);
  }

  onEnd(error: GibbsError | undefined): void {
    this.#session.ended(error);
    this.#onChange();
  }

  freeSlots(): number {
    return this.#slots.free;
  }

  send(events: readonly WorkerEventInit[]): void {
    for (const message of encodeWorkerEvents(events)) this.#stream.write(message);
  }

  giveUp(): void {
    this.cancel();
  }

  onWelcome(): void {
    this.#onChange();
  }
}
