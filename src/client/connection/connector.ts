import type { Socket } from "node:net";
import type { ChannelOptions, ClientDuplexStream, Metadata, StatusObject } from "@grpc/grpc-js";
import { onAbort } from "../../base/abort.js";
import { type Clock, delay } from "../../base/clock.js";
import { type Deferred, deferred } from "../../base/deferred.js";
import { GibbsError } from "../../base/errors/error.js";
import { gibbsError } from "../../base/errors/reasons.js";
import { dial } from "../../wire/dial/dial.js";
import type { Endpoint } from "../../wire/dial/endpoint.js";
import type { Endpoints } from "../../wire/dial/endpoints.js";
import { blameProxy } from "../../wire/dial/proxy.js";
import { Search } from "../../wire/dial/search.js";
import { channelOptions } from "../../wire/grpc/channel-options.js";
import { channelClosed } from "../failure.js";
import type { ClientSettings } from "../options.js";
import { Connection } from "./connection.js";

/** The attempt, shared by all requests that wait, to find a hub that answers. */
interface Quest {
  search: Search<Connection>;
  /** Resolves when a hub is found, or the client is closed. */
  found: Deferred;
  waiting: number;
  failure: GibbsError | undefined;
}

/** What a connector needs of the client's settings. */
export type ConnectorSettings = Pick<
  ClientSettings,
  "transport" | "maxPayloadBytes" | "connectTimeoutMs"
>;

/** Keeps a client connected to one of its hubs for as long as requests need it. */
export class Connector {
  readonly #endpoints: Endpoints;
  readonly #settings: ConnectorSettings;
  readonly #clock: Clock;
  readonly #sockets = new Set<Socket>();
  /** The latest connection, which may be retired. */
  #current: Connection | undefined;
  #quest: Quest | undefined;
  /** What is wrong with the latest connection, if it did not last. */
  #brief: string | undefined;
  #onLeft: () => void = () => {};
  #isClosed = false;

  constructor(endpoints: Endpoints, settings: ConnectorSettings) {
    this.#endpoints = endpoints;
    this.#settings = settings;
    this.#clock = endpoints.clock;
  }

  get isReady(): boolean {
    return this.#current !== undefined && !this.#current.isRetired;
  }

  /** Whether a call that one hub has refused may find another one. */
  get hasAlternative(): boolean {
    return this.#endpoints.areSeveral;
  }

  /** The connection on which calls are opened now; see {@link avoid}. */
  get current(): Connection | undefined {
    return this.#current;
  }

  /**
   * Waits until a hub is reachable, `signal` fires, or the client is closed.
   *
   * @param since when the call began to wait, maybe for an earlier connection.
   * @throws GibbsError UNAVAILABLE / NOT_CONNECTED at `until` (on the client's clock) or
   * `connectTimeoutMs` after `since`, whichever comes first; nothing was sent.
   */
  async ready(until: number, signal: AbortSignal | undefined, since: number): Promise<void> {
    if (signal?.aborted || this.isReady) return;
    const end = Math.min(until, since + this.#settings.connectTimeoutMs);
    const timeoutMs = Math.max(0, end - this.#clock.now());
    const patience = new AbortController();
    const stopListening = onAbort(signal, () => patience.abort());
    const tooLong = delay(this.#clock, timeoutMs, patience.signal).then(() => {
      if (!patience.signal.aborted) throw this.#notConnected(Math.max(0, end - since));
    });
    try {
      while (!this.isReady && !this.#isClosed && !patience.signal.aborted) {
        await this.#wait(tooLong);
      }
    } finally {
      stopListening();
      patience.abort();
    }
  }

  /**
   * Calls `onLeft` each time the connection is going away (GOAWAY) or lost. In the first case its
   * calls continue, and further ones go to another connection.
   */
  onLeft(onLeft: () => void): void {
    this.#onLeft = onLeft;
  }

  /** Opens a `Multiplex` stream; its messages are passed as encoded bytes. */
  openMultiplex(): ClientDuplexStream<Buffer, Buffer> {
    if (this.#current === undefined || this.#current.isRetired) throw channelClosed();
    return this.#current.openMultiplex();
  }

  /** Calls `Request` on the current connection; see {@link Connection.request}. */
  request(
    message: Buffer,
    metadata: Metadata,
    done: (status: StatusObject, response: Buffer | undefined) => void,
  ): { cancel(): void } {
    if (this.#current === undefined) throw channelClosed();
    return this.#current.request(message, metadata, done);
  }

  /**
   * Leaves a connection whose hub takes no more calls, and lets that hub rest for at least `restMs`.
   * Does nothing if no other hub is known: then calls wait for this one.
   */
  avoid(connection: Connection | undefined, restMs: number): void {
    if (connection === undefined || connection.isRetired || !this.hasAlternative) return;
    connection.retire();
    this.#endpoints.rest(connection.hub.endpoint, restMs);
  }

  /**
   * Lets the process end although connections are open: until it next opens a stream, only the
   * timers of calls keep the process alive.
   */
  detach(): void {
    for (const socket of this.#sockets) socket.unref();
  }

  /** Closes the connection and ends every wait for one. */
  close(): void {
    this.#isClosed = true;
    this.#current?.retire();
    this.#endQuest();
  }

  async #wait(tooLong: Promise<void>): Promise<void> {
    this.#quest ??= this.#seek();
    const quest = this.#quest;
    quest.waiting += 1;
    try {
      await Promise.race([quest.found.promise, tooLong]);
    } finally {
      quest.waiting -= 1;
      // No one waits any longer.
      if (quest.waiting === 0 && this.#quest === quest) this.#endQuest();
    }
  }

  #seek(): Quest {
    const search = new Search<Connection>(this.#endpoints, {
      attemptTimeoutMs: this.#settings.connectTimeoutMs,
      open: (endpoint, signal) => this.#open(endpoint, signal),
      onFound: (connection) => this.#use(connection),
      onFailed: (error, endpoint) => {
        quest.failure = error;
        if (endpoint !== undefined) this.#endpoints.rest(endpoint, error.retryAfterMs);
      },
      discard: (connection) => connection.retire(),
    });
    const quest: Quest = { search, found: deferred(), waiting: 0, failure: undefined };
    return quest;
  }

  async #open(endpoint: Endpoint, signal: AbortSignal): Promise<Connection> {
    const options = {
      clock: this.#clock,
      channel: clientOptions(this.#settings.maxPayloadBytes),
      onSocket: (socket: Socket) => {
        this.#sockets.add(socket);
        socket.once("close", () => this.#sockets.delete(socket));
      },
    };
    const connection = new Connection(await dial(endpoint, options, signal), this.#clock);
    try {
      // With a single address, a call itself learns what is there.
      if (this.hasAlternative) await connection.prove(signal);
    } catch (error) {
      connection.retire();
      throw error instanceof GibbsError ? at(endpoint, error) : error;
    }
    return connection;
  }

  #use(connection: Connection): void {
    const { hub } = connection;
    this.#current = connection;
    if (this.#settings.transport === "unary") connection.dropFirst();
    hub.onLeft = () => this.#left(connection);
    if (hub.isLeft) this.#left(connection);
    this.detach();
    this.#endQuest();
  }

  #left(connection: Connection): void {
    if (connection.isRetired) return;
    connection.retire();
    const { endpoint, since } = connection.hub;
    const hasLasted = this.#endpoints.left(endpoint, since);
    this.#brief = hasLasted ? undefined : `${endpoint.name} ends every connection at once`;
    if (connection === this.#current) this.#onLeft();
  }

  #endQuest(): void {
    this.#quest?.search.stop();
    this.#quest?.found.resolve();
    this.#quest = undefined;
  }

  #notConnected(waitedMs: number): GibbsError {
    const failure = this.#quest?.failure;
    const why = failure?.message ?? this.#brief;
    const last = why === undefined ? "" : `; last failure: ${why}`;
    const waited = `waited ${Math.round(waitedMs)} ms${last}`;
    const message = `no hub answers at ${this.#endpoints} (${waited}): is one running there?`;
    const { proxied } = this.#endpoints;
    // A failure names its proxy itself.
    const blamed =
      failure === undefined ? blameProxy(message, proxied?.proxy, proxied?.name ?? "") : message;
    return gibbsError("NOT_CONNECTED", blamed, { execution: "NOT_STARTED", cause: failure });
  }
}

/** Adds the address at which a connection was of no use to the reason. */
function at({ name }: Endpoint, error: GibbsError): GibbsError {
  const { code, message, reason, retryAfterMs } = error;
  const details = { reason, execution: "NOT_STARTED", cause: error } as const;
  const hint = retryAfterMs === undefined ? {} : { retryAfterMs };
  return new GibbsError(code, `${name}: ${message}`, { ...details, ...hint });
}

function clientOptions(maxPayloadBytes: number): ChannelOptions {
  return {
    ...channelOptions(maxPayloadBytes),
    // An oversize answer must end its own call, not the stream that all calls share.
    "grpc.max_receive_message_length": -1,
    // The client itself sends refused calls again, on another connection.
    "grpc.enable_retries": 0,
  };
}
