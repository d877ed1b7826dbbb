import { onAbort } from "../base/abort.js";
import { formatAddress, parseAddress } from "../base/address.js";
import { type Clock, systemClock } from "../base/clock.js";
import { checkRequestOptions } from "../base/options/check-request-options.js";
import { DEFAULT_ADDRESS, type RequestOptions } from "../base/options/common-options.js";
import { withDefaults } from "../base/options/option-table.js";
import { HubConnection } from "./connection.js";
import { mapConcurrently } from "./map.js";
import { MultiplexTransport } from "./multiplex.js";
import {
  type ClientOptions,
  type ClientSettings,
  clientOptionTable,
  type MapOptions,
  mapOptionTable,
} from "./options.js";
import { RequestTransport } from "./request.js";
import { type RetryContext, sendWithRetries } from "./retry.js";
import type { IncomingResponse } from "./transport.js";

/** An answer with how it came about. */
export interface Answer<Out> {
  /** The answer. */
  output: Out;
  /** The request's id, given or made by the hub. */
  requestId: string;
  /** The worker that answered, by the label it gave itself. */
  workerId: string;
  /** How often the request was started; 1 if nothing went wrong. */
  attempts: number;
  /** From the request's arrival at the hub until a worker had it, in milliseconds. */
  queueTimeMs: number;
  /** From then until the answer arrived at the hub, in milliseconds. */
  runTimeMs: number;
}

/** The largest `grpc-timeout` in milliseconds that fits its eight digits. */
const MAX_TIMEOUT_MS = 99_999_999;

/**
 * A client of one hub. Connects when it is first needed, again when the
 * connection is lost, and never needs to be restarted.
 *
 * ```ts
 * const client = new Client("127.0.0.1:5019");
 * await client.request(34);
 * client.close();
 * ```
 */
export class Client {
  readonly #limits: ClientSettings;
  readonly #clock: Clock;
  readonly #connection: HubConnection;
  readonly #sending: RetryContext;
  readonly #closing = new AbortController();

  /**
   * @param address `host:port` of the hub. Default `127.0.0.1:5019`.
   * @throws GibbsError INVALID_ARGUMENT: BAD_ADDRESS, BAD_OPTION.
   */
  constructor(address: string = DEFAULT_ADDRESS, options: ClientOptions = {}) {
    this.#limits = withDefaults(clientOptionTable, options);
    this.#clock = options.clock ?? systemClock;
    const target = formatAddress(parseAddress(address));
    this.#connection = new HubConnection(target, this.#limits, this.#clock);
    const TransportClass =
      this.#limits.transport === "unary" ? RequestTransport : MultiplexTransport;
    this.#sending = {
      transport: new TransportClass(this.#connection, this.#clock, this.#limits.maxPayloadBytes),
      clock: this.#clock,
      random: options.random ?? Math.random,
      patienceMs: this.#limits.connectTimeoutMs,
      closing: this.#closing.signal,
    };
  }

  /**
   * Sends `input` to a worker that is idle, or the first that becomes idle, and
   * returns its answer.
   *
   * @param input JSON-like data, or bytes.
   * @throws TypeError if the input cannot be sent; {@link GibbsError} for every
   * other outcome: look at its `code`, `reason` and `execution`.
   */
  async request<Out = unknown>(input: unknown, options: RequestOptions = {}): Promise<Out> {
    return (await this.#send(input, options)).output as Out;
  }

  /** As {@link Client.request}, and reports where and how long the request waited and ran. */
  async requestWithInfo<Out = unknown>(
    input: unknown,
    options: RequestOptions = {},
  ): Promise<Answer<Out>> {
    const { output, info } = await this.#send(input, options);
    return { output: output as Out, ...info };
  }

  /**
   * Sends many inputs, up to `concurrency` at once, and yields the answers:
   * `for await (const answer of client.map(inputs)) ...`. Inputs may be endless;
   * they are read no further ahead than they are sent.
   *
   * @param inputs an iterable or async iterable of JSON-like data or bytes.
   * @throws what {@link Client.request} throws for the first input that fails, and
   * what `inputs` throws; the requests in flight are then given up, as they are when
   * the loop is left.
   */
  map<Out = unknown>(
    inputs: Iterable<unknown> | AsyncIterable<unknown>,
    options: MapOptions = {},
  ): AsyncGenerator<Out, void, undefined> {
    const how = withDefaults(mapOptionTable, options);
    const run = async (input: unknown, stopped: AbortSignal): Promise<Out> => {
      const both = new AbortController();
      const signals = [stopped, options.signal];
      const stops = signals.map((one) => onAbort(one, () => both.abort(one?.reason)));
      try {
        return await this.request<Out>(input, { ...options, signal: both.signal });
      } finally {
        for (const stop of stops) stop();
      }
    };
    return mapConcurrently(inputs, run, how);
  }

  #send(input: unknown, options: RequestOptions): Promise<IncomingResponse> {
    const timeoutMs = Math.min(options.timeoutMs ?? this.#limits.timeoutMs, MAX_TIMEOUT_MS);
    checkRequestOptions(options);
    const call = { input, options, until: this.#clock.now() + timeoutMs };
    return sendWithRetries(call, this.#sending);
  }

  /** Closes the connection. Requests in flight end as CANCELLED. */
  close(): void {
    this.#closing.abort();
    this.#sending.transport.close();
    this.#connection.close();
  }
}
