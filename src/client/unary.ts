import { createClient, Metadata, type Client as RawClient } from "nice-grpc";
import { onAbort } from "../base/abort.js";
import type { Clock } from "../base/clock.js";
import type { Execution } from "../base/error.js";
import { type Definition, definition } from "../wire/definition.js";
import { fromDuration } from "../wire/duration.js";
import { HubService, type RequestResponse } from "../wire/index.js";
import { DETAILS_KEY } from "../wire/status.js";
import type { HubConnection } from "./connection.js";
import { type GivenUp, givenUp, toCallError } from "./failure.js";
import {
  ANSWER_GRACE_MS,
  type IncomingAnswer,
  type OutgoingCall,
  type Transport,
} from "./transport.js";

/** One gRPC call for each request, as the generated clients of all languages make it. */
export class Unary implements Transport {
  readonly #connection: HubConnection;
  readonly #clock: Clock;
  readonly #hub: RawClient<Definition<(typeof HubService)["method"]>>;
  readonly #open = new Set<AbortController>();
  #closed = false;

  constructor(connection: HubConnection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
    this.#hub = createClient(definition(HubService), connection.channel);
  }

  async send(call: OutgoingCall): Promise<IncomingAnswer> {
    const abort = new AbortController();
    const giveUp = (why: GivenUp): void => abort.abort(why);
    const patienceMs = call.until - this.#clock.now() + ANSWER_GRACE_MS;
    const timer = this.#clock.setTimer(patienceMs, () => giveUp("NO_ANSWER"));
    const stopListening = onAbort(call.signal, () => giveUp("CLIENT_CANCELLED"));
    this.#open.add(abort);
    if (this.#closed) giveUp("CLIENT_CLOSED");
    try {
      return toAnswer(await this.#send(call, abort.signal));
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

  async #send(call: OutgoingCall, signal: AbortSignal): Promise<RequestResponse> {
    const { kind, method, options, until } = call;
    const requestId = options.requestId || undefined;
    let execution: Execution = "NOT_STARTED";
    let statusDetails: Uint8Array | undefined;
    try {
      await this.#connection.ready(until, signal);
      signal.throwIfAborted();
      const leftMs = Math.max(0, until - this.#clock.now());
      const metadata = Metadata(call.metadata);
      metadata.set("grpc-timeout", `${Math.ceil(leftMs)}m`);
      execution = "UNKNOWN";
      const message = { kind, method, options };
      return await this.#hub.request(message, {
        metadata,
        signal,
        onTrailer: (trailer) => {
          statusDetails = trailer.get(DETAILS_KEY);
        },
      });
    } catch (error) {
      if (!signal.aborted) throw toCallError(error, statusDetails, requestId);
      throw givenUp(signal.reason, execution, requestId, call.signal?.reason);
    }
  }
}

function toAnswer({ kind, info }: RequestResponse): IncomingAnswer {
  return {
    kind,
    info: {
      requestId: info?.requestId ?? "",
      workerId: info?.workerId ?? "",
      attempts: info?.attempts ?? 0,
      queueTimeMs: info?.queueTime === undefined ? 0 : fromDuration(info.queueTime),
      runTimeMs: info?.runTime === undefined ? 0 : fromDuration(info.runTime),
    },
  };
}
