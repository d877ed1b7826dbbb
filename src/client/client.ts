import type { MessageInitShape } from "@bufbuild/protobuf";
import { createClient, Metadata, type Client as RawClient } from "nice-grpc";
import { onAbort } from "../base/abort.js";
import { formatAddress, parseAddress } from "../base/address.js";
import { withDefaults } from "../base/check-options.js";
import { type Clock, systemClock } from "../base/clock.js";
import type { Execution } from "../base/error.js";
import {
  type ClientOptions,
  clientDefaults,
  DEFAULT_ADDRESS,
  type RequestOptions,
} from "../base/options.js";
import { type Definition, definition } from "../wire/definition.js";
import { fromDuration } from "../wire/duration.js";
import { HubService, type RequestRequestSchema, type RequestResponse } from "../wire/index.js";
import { fromKind, toKind } from "../wire/payload.js";
import { toRequestOptions } from "../wire/request-options.js";
import { DETAILS_KEY } from "../wire/status.js";
import { HubConnection } from "./connection.js";
import { type GivenUp, givenUp, toCallError } from "./failure.js";

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

  async #call(
    message: MessageInitShape<typeof RequestRequestSchema>,
    options: RequestOptions,
  ): Promise<RequestResponse> {
    const { signal, requestId } = options;
    const timeoutMs = Math.min(options.timeoutMs ?? this.#limits.timeoutMs, MAX_TIMEOUT_MS);
    const startedAt = this.#clock.now();
    const abort = new AbortController();
    const cancel = (): void => abort.abort("CLIENT_CANCELLED" satisfies GivenUp);
    const timer = this.#clock.setTimer(timeoutMs + ANSWER_GRACE_MS, () =>
      abort.abort("NO_ANSWER" satisfies GivenUp),
    );
    const stopListening = onAbort(signal, cancel);
    this.#open.add(abort);
    if (this.#closed) abort.abort("CLIENT_CLOSED" satisfies GivenUp);
    let execution: Execution = "NOT_STARTED";
    let statusDetails: Uint8Array | undefined;
    try {
      if (!abort.signal.aborted && !this.#connection.isReady) {
        const patienceMs = Math.min(timeoutMs, this.#limits.connectTimeoutMs);
        await this.#connection.ready(patienceMs, abort.signal);
      }
      abort.signal.throwIfAborted();
      const leftMs = Math.max(0, timeoutMs - (this.#clock.now() - startedAt));
      const metadata = Metadata(options.metadata).set("grpc-timeout", `${Math.ceil(leftMs)}m`);
      execution = "UNKNOWN";
      return await this.#hub.request(message, {
        metadata,
        signal: abort.signal,
        onTrailer: (trailer) => {
          statusDetails = trailer.get(DETAILS_KEY);
        },
      });
    } catch (error) {
      if (!abort.signal.aborted) throw toCallError(error, statusDetails, requestId);
      throw givenUp(abort.signal.reason, execution, requestId, signal?.reason);
    } finally {
      this.#open.delete(abort);
      timer.cancel();
      stopListening();
    }
  }
}
