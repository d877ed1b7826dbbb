import type { Clock } from "../base/clock.js";
import type { GibbsError } from "../base/errors/error.js";
import type { Logger } from "../base/logger.js";
import type { Endpoint } from "../wire/dial/endpoint.js";
import type { Endpoints } from "../wire/dial/endpoints.js";
import {
  decodeWorkResponse,
  encodeWorkerEvents,
  type HubEvent,
  type WorkerEventInit,
} from "../wire/messages/work.js";
import type { Executor } from "./executor.js";
import type { WorkerSettings } from "./options.js";
import { buildHello, type WorkerIdentity } from "./session/hello.js";
import { type SessionEnd, type SessionPort, WorkerSession } from "./session/session.js";
import type { OpenWorkStream, WorkStream, WorkStreamListener } from "./work-call.js";

/** What a connection needs. */
export interface HubConnectionOptions {
  worker: WorkerSettings;
  endpoints: Endpoints;
  identity: WorkerIdentity;
  clock: Clock;
  logger: Logger;
  executor: Executor;
  openStream: OpenWorkStream;
  /** Returns the number of slots that may be offered on `connection` now. */
  freeSlots(connection: HubConnection): number;
  /** Called when `isWelcomed`, `isGoingAway` or `end` has changed. */
  onChange(): void;
}

/** A session with the hub and the stream that carries it, from dialing to the end of both. */
export class HubConnection implements WorkStreamListener, SessionPort {
  readonly clock: Clock;
  readonly executor: Executor;
  readonly #logger: Logger;
  readonly #freeSlots: HubConnectionOptions["freeSlots"];
  readonly #onChange: () => void;
  readonly #stream: WorkStream;
  readonly #session: WorkerSession;
  readonly #endpoints: Endpoints;
  #endpoint: Endpoint | undefined;
  #isGoingAway = false;

  constructor(options: HubConnectionOptions) {
    const { worker, identity, executor, endpoints } = options;
    this.clock = options.clock;
    this.executor = executor;
    this.#logger = options.logger;
    this.#freeSlots = options.freeSlots;
    this.#onChange = options.onChange;
    this.#endpoints = endpoints;
    this.#stream = options.openStream(endpoints, worker.maxPayloadBytes, this);
    const hello = buildHello(identity, worker, executor);
    this.#session = new WorkerSession(this, hello, worker.connectTimeoutMs);
  }

  /** Whether the hub has welcomed the worker, even if the connection has ended since. */
  get isWelcomed(): boolean {
    return this.#session.isWelcomed;
  }

  /** Where it is connected; undefined until then. */
  get endpoint(): Endpoint | undefined {
    return this.#endpoint;
  }

  /**
   * Whether a server has announced that it will close the connection, or the hub drains and there may
   * be another one. The stream still works.
   */
  get isGoingAway(): boolean {
    return this.#isGoingAway;
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

  onConnected(endpoint: Endpoint): void {
    this.#endpoint = endpoint;
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

  onGoingAway(): void {
    // A connection that broke is reported here first; then its stream ends within two turns.
    this.clock.afterInput(() => this.clock.afterInput(() => this.#goAway()));
  }

  onEnd(error: GibbsError | undefined): void {
    this.#session.ended(error);
    this.#onChange();
  }

  freeSlots(): number {
    return this.#freeSlots(this);
  }

  send(events: readonly WorkerEventInit[]): void {
    for (const message of encodeWorkerEvents(events)) this.#stream.write(message);
  }

  giveUp(): void {
    this.cancel();
  }

  onWelcome(): void {
    if (this.#endpoint !== undefined) this.#endpoint.worked();
    this.#onChange();
  }

  onHubDrain(afterMs: number): void {
    if (this.#endpoint === undefined || !this.#endpoints.areSeveral) return;
    this.#endpoints.rest(this.#endpoint, afterMs);
    this.#goAway();
  }

  #goAway(): void {
    if (this.end !== undefined) return;
    this.#isGoingAway = true;
    this.#onChange();
  }
}
