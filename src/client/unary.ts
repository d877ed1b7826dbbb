import { createClient, Metadata, type Client as RawClient } from "nice-grpc";
import { onAbort } from "../base/abort.js";
import type { Clock } from "../base/clock.js";
import { type Execution, GibbsError } from "../base/error.js";
import { HubService } from "../wire/index.js";
import { decodePayload, encodePayload } from "../wire/payload.js";
import { rawService } from "../wire/raw-service.js";
import { readResponse, writeRequest } from "../wire/relay.js";
import { encodeRequestOptions } from "../wire/request-options.js";
import { DETAILS_KEY } from "../wire/status.js";
import type { HubConnection } from "./connection.js";
import {
  checkAnswerSize,
  type GivenUp,
  givenUp,
  malformedAnswer,
  toCallError,
  tooLarge,
} from "./failure.js";
import {
  ANSWER_GRACE_MS,
  type IncomingAnswer,
  type OutgoingCall,
  type Transport,
} from "./transport.js";

const { request } = rawService(HubService);
const definition = {
  request: { ...request, requestStream: false, responseStream: false, options: {} },
} as const;

/** One gRPC call for each request, as the generated clients of all languages make it. */
export class Unary implements Transport {
  readonly #connection: HubConnection;
  readonly #clock: Clock;
  readonly #hub: RawClient<typeof definition>;
  readonly #open = new Set<AbortController>();
  readonly #maxPayloadBytes: number;
  #closed = false;

  constructor(connection: HubConnection, clock: Clock, maxPayloadBytes: number) {
    this.#connection = connection;
    this.#maxPayloadBytes = maxPayloadBytes;
    this.#clock = clock;
    this.#hub = createClient(definition, connection.channel);
  }

  async send(call: OutgoingCall): Promise<IncomingAnswer> {
    const abort = new AbortController();
    const giveUp = (why: GivenUp): void => abort.abort(why);
    const patienceMs = call.until - this.#clock.now() + ANSWER_GRACE_MS;
    const timer = this.#clock.setTimer(patienceMs, () => giveUp("NO_ANSWER"));
    const stopListening = onAbort(call.options.signal, () => giveUp("CLIENT_CANCELLED"));
    this.#open.add(abort);
    if (this.#closed) giveUp("CLIENT_CLOSED");
    try {
      return await this.#send(call, abort.signal);
    } finally {
      this.#open.delete(abort);
      timer.cancel();
      stopListening();
    }
  }

  close(): void {
    this.#closed = true;
    for (const abort of this.#open) abort.abort("CLIENT_CLOSED" satisfies GivenUp);
  }

  async #send(call: OutgoingCall, signal: AbortSignal): Promise<IncomingAnswer> {
    const { input, options, until } = call;
    const { requestId, method = "" } = options;
    const payload = encodePayload(input);
    if (payload.length > this.#maxPayloadBytes) {
      throw tooLarge(requestId, payload.length, this.#maxPayloadBytes);
    }
    const message = writeRequest(payload, method, encodeRequestOptions(options));
    let execution: Execution = "NOT_STARTED";
    let statusDetails: Uint8Array | undefined;
    let response: Uint8Array;
    try {
      await this.#connection.ready(until, signal);
      signal.throwIfAborted();
      const leftMs = Math.max(0, until - this.#clock.now());
      const metadata = Metadata(options.metadata);
      metadata.set("grpc-timeout", `${Math.ceil(leftMs)}m`);
      execution = "UNKNOWN";
      response = await this.#hub.request(message, {
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
    try {
      const answer = readResponse(response);
      checkAnswerSize(requestId, answer.payload.length, this.#maxPayloadBytes);
      return { output: decodePayload(answer.payload), info: answer.info };
    } catch (error) {
      throw error instanceof GibbsError ? error : malformedAnswer(requestId, error);
    }
  }
}
