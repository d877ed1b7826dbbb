import { createClient, Metadata, type Client as RawClient } from "nice-grpc";
import { onAbort } from "../base/abort.js";
import { formatAddress, parseAddress } from "../base/address.js";
import { withDefaults } from "../base/check-options.js";
import { type Clock, delay, systemClock } from "../base/clock.js";
import { type Execution, GibbsError } from "../base/error.js";
import {
  type ClientOptions,
  clientDefaults,
  DEFAULT_ADDRESS,
  type RequestOptions,
} from "../base/options.js";
import type { Random } from "../base/random.js";
import { type Definition, definition } from "../wire/definition.js";
import { fromDuration } from "../wire/duration.js";
import { HubService, type RequestResponse } from "../wire/index.js";
import { fromKind, type PayloadKind, toKind } from "../wire/payload.js";
import { toRequestOptions, type WireRequestOptions } from "../wire/request-options.js";
import { DETAILS_KEY } from "../wire/status.js";
import { HubConnection } from "./connection.js";
import { type GivenUp, givenUp, toCallError } from "./failure.js";
import { Retry } from "./retry.js";

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

/**
 * The hub answers at the deadline, with the reason; only when it does not answer
 * at all does the client give up, this much later. In milliseconds.
 */
const ANSWER_GRACE_MS = 1000;

/** The largest `grpc-timeout` in milliseconds that fits its eight digits. */
const MAX_TIMEOUT_MS = 99_999_999;

/** A `gibbs.v1.RequestRequest` as it is sent. */
interface RequestMessage {
  kind: PayloadKind;
  method: string;
  options: WireRequestOptions;
}

/** A call until its outcome: when it is over, on the client's clock, and whether it was given up. */
interface OpenCall {
  until: number;
  signal: AbortSignal;
}

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
  readonly #limits: typeof clientDefaults;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #connection: HubConnection;
  readonly #hub: RawClient<Definition<(typeof HubService)["method"]>>;
  readonly #open = new Set<AbortController>();
  #closed = false;

  /**
   * @param address `host:port` of the hub. Default `127.0.0.1:5019`.
   * @throws GibbsError INVALID_ARGUMENT: BAD_ADDRESS, BAD_OPTION.
   */
  constructor(address: string = DEFAULT_ADDRESS, options: ClientOptions = {}) {
    this.#limits = withDefaults(clientDefaults, options);
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    const target = formatAddress(parseAddress(address));
    this.#connection = new HubConnection(target, this.#limits.maxPayloadBytes, this.#clock);
    this.#hub = createClient(definition(HubService), this.#connection.channel);
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
    return (await this.requestWithInfo<Out>(input, options)).output;
  }

  /** As {@link Client.request}, and tells where and how long the request waited and ran. */
  async requestWithInfo<Out = unknown>(
    input: unknown,
    options: RequestOptions = {},
  ): Promise<Answer<Out>> {
    const kind = toKind(input);
    const message = { kind, method: options.method ?? "", options: toRequestOptions(options) };
    const response = await this.#call(message, options);
    const { info } = response;
    return {
      output: fromKind(response.kind) as Out,
      requestId: info?.requestId ?? "",
      workerId: info?.workerId ?? "",
      attempts: info?.attempts ?? 0,
      queueTimeMs: info?.queueTime === undefined ? 0 : fromDuration(info.queueTime),
      runTimeMs: info?.runTime === undefined ? 0 : fromDuration(info.runTime),
    };
  }

  /** Closes the connection. Requests that are under way end as CANCELLED. */
  close(): void {
    this.#closed = true;
    for (const abort of this.#open) abort.abort("CLIENT_CLOSED" satisfies GivenUp);
    this.#connection.channel.close();
  }

  /** One request from its start to its end, with all the sends that it takes. */
  async #call(message: RequestMessage, options: RequestOptions): Promise<RequestResponse> {
    const timeoutMs = Math.min(options.timeoutMs ?? this.#limits.timeoutMs, MAX_TIMEOUT_MS);
    const until = this.#clock.now() + timeoutMs;
    const abort = new AbortController();
    const giveUp = (why: GivenUp): void => abort.abort(why);
    const timer = this.#clock.setTimer(timeoutMs + ANSWER_GRACE_MS, () => giveUp("NO_ANSWER"));
    const stopListening = onAbort(options.signal, () => giveUp("CLIENT_CANCELLED"));
    this.#open.add(abort);
    if (this.#closed) giveUp("CLIENT_CLOSED");
    try {
      return await this.#sendUntilAnswered(message, options, { until, signal: abort.signal });
    } finally {
      this.#open.delete(abort);
      timer.cancel();
      stopListening();
    }
  }

  /** Sends the request, and again as long as {@link Retry} says so and the time allows. */
  async #sendUntilAnswered(
    message: RequestMessage,
    options: RequestOptions,
    call: OpenCall,
  ): Promise<RequestResponse> {
    const retry = new Retry(options, this.#limits.connectTimeoutMs, this.#random);
    for (;;) {
      try {
        return await this.#send(message, options, call);
      } catch (error) {
        if (!(error instanceof GibbsError)) throw error;
        const now = this.#clock.now();
        const pauseMs = retry.pauseAfter(error, now);
        if (now + pauseMs >= call.until) throw error;
        message.options.requestId ||= error.requestId ?? "";
        await delay(this.#clock, pauseMs, call.signal);
      }
    }
  }

  async #send(
    message: RequestMessage,
    options: RequestOptions,
    { until, signal }: OpenCall,
  ): Promise<RequestResponse> {
    const requestId = message.options.requestId || undefined;
    const leftMs = (): number => Math.max(0, until - this.#clock.now());
    let execution: Execution = "NOT_STARTED";
    let statusDetails: Uint8Array | undefined;
    try {
      if (!signal.aborted && !this.#connection.isReady) {
        const patienceMs = Math.min(leftMs(), this.#limits.connectTimeoutMs);
        await this.#connection.ready(patienceMs, signal);
      }
      signal.throwIfAborted();
      const metadata = Metadata(options.metadata);
      metadata.set("grpc-timeout", `${Math.ceil(leftMs())}m`);
      execution = "UNKNOWN";
      return await this.#hub.request(message, {
        metadata,
        signal,
        onTrailer: (trailer) => {
          statusDetails = trailer.get(DETAILS_KEY);
        },
      });
    } catch (error) {
      if (!signal.aborted) throw toCallError(error, statusDetails, requestId);
      throw givenUp(signal.reason, execution, requestId, options.signal?.reason);
    }
  }
}
