import {
  type ChannelOptions,
  type ClientDuplexStream,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { GibbsError } from "../base/errors/error.js";
import { dial } from "../wire/dial/dial.js";
import type { Endpoint } from "../wire/dial/endpoint.js";
import type { Endpoints } from "../wire/dial/endpoints.js";
import type { HubChannel } from "../wire/dial/hub-channel.js";
import { blameProxy } from "../wire/dial/proxy.js";
import { Search } from "../wire/dial/search.js";
import { channelOptions } from "../wire/grpc/channel-options.js";
import { rawService } from "../wire/grpc/raw-service.js";
import { DETAILS_KEY, fromStatus } from "../wire/grpc/status.js";
import { WorkerService } from "../wire/messages/work.js";
import { proveHub } from "./prove-hub.js";

/**
 * Receives a stream's events, starting after the function that opens it has returned. `onEnd` is
 * called exactly once, after everything else, with undefined after a clean end.
 */
export interface WorkStreamListener {
  /** Called at most once, when there is a connection. */
  onConnected(endpoint: Endpoint): void;
  onMessage(encoded: Uint8Array): void;
  /**
   * Called when the server will accept no more streams on this connection. It may have sent GOAWAY,
   * and the stream works until the connection is closed; or the connection is lost, and `onEnd`
   * follows.
   */
  onGoingAway(): void;
  onEnd(error: GibbsError | undefined): void;
}

/** One `Work` call on its own channel. */
export interface WorkStream {
  write(encoded: Buffer): void;
  /** Cancels the call. `onEnd` follows. */
  cancel(): void;
}

/**
 * Opens a `Work` call at one of the endpoints: at the first of those that are due to answer. Does not
 * throw: failures are reported through `onEnd`.
 */
export type OpenWorkStream = (
  endpoints: Endpoints,
  maxPayloadBytes: number,
  listener: WorkStreamListener,
) => WorkStream;

const { work } = rawService(WorkerService);

/** Opens a `Work` call with grpc-js. */
export const openWorkStream: OpenWorkStream = (endpoints, maxPayloadBytes, listener) =>
  new GrpcWorkStream(endpoints, maxPayloadBytes, listener);

/** The state of a stream, with its data. */
type StreamState =
  | { kind: "searching"; search: Search<HubChannel>; outbox: Buffer[] }
  | { kind: "open"; call: ClientDuplexStream<Buffer, Buffer> }
  | { kind: "ended" };

class GrpcWorkStream implements WorkStream {
  readonly #endpoints: Endpoints;
  readonly #listener: WorkStreamListener;
  #state: StreamState;

  constructor(endpoints: Endpoints, maxPayloadBytes: number, listener: WorkStreamListener) {
    const { clock } = endpoints;
    this.#endpoints = endpoints;
    this.#listener = listener;
    const channel = workerOptions(maxPayloadBytes);
    const failures = new Map<Endpoint, GibbsError>();
    let last: GibbsError | undefined;
    const search = new Search<HubChannel>(endpoints, {
      // The whole search is limited by the session's wait for the hub's welcome.
      attemptTimeoutMs: Number.POSITIVE_INFINITY,
      open: async (endpoint, signal) => {
        const hub = await dial(endpoint, { clock, channel }, signal);
        if (!endpoints.areSeveral) return hub;
        try {
          await proveHub(hub, signal);
        } catch (error) {
          hub.channel.close();
          throw error;
        }
        return hub;
      },
      onFound: (hub) => this.#open(hub),
      onFailed: (error, endpoint) => {
        last = error;
        if (endpoint !== undefined) failures.set(endpoint, error);
        // The worker itself pauses before it tries an only one again.
        if (endpoint !== undefined && endpoints.areSeveral) endpoints.rest(endpoint);
      },
      onNone: () => this.#end(last && conclusion(last, failures, endpoints)),
      discard: (hub) => hub.channel.close(),
    });
    this.#state = { kind: "searching", search, outbox: [] };
  }

  write(encoded: Buffer): void {
    if (this.#state.kind === "searching") this.#state.outbox.push(encoded);
    else if (this.#state.kind === "open") this.#state.call.write(encoded);
  }

  cancel(): void {
    if (this.#state.kind === "open") return this.#state.call.cancel();
    if (this.#state.kind === "ended") return;
    this.#state.search.stop();
    const cancelled = new GibbsError("CANCELLED", "the worker gave the connection up");
    this.#endpoints.clock.soon(() => this.#end(cancelled));
  }

  #open(hub: HubChannel): void {
    if (this.#state.kind !== "searching") return;
    const { outbox } = this.#state;
    const { channel, client, endpoint } = hub;
    const call = client.makeBidiStreamRequest(
      work.path,
      work.requestSerialize,
      work.responseDeserialize,
    );
    this.#state = { kind: "open", call };
    hub.onLeft = () => {
      if (this.#state.kind === "open") this.#listener.onGoingAway();
    };
    const end = (error: GibbsError | undefined): void => {
      channel.close();
      this.#end(error);
    };
    call.on("data", (encoded: Buffer) => this.#listener.onMessage(encoded));
    call.on("error", (error: ServiceError) => end(explain(error, endpoint)));
    call.on("status", ({ code }) => {
      if (code === 0) end(undefined);
    });
    call.on("end", () => call.end());
    this.#listener.onConnected(endpoint);
    for (const encoded of outbox) call.write(encoded);
    if (hub.isLeft) this.#listener.onGoingAway();
  }

  #end(error: GibbsError | undefined): void {
    if (this.#state.kind === "ended") return;
    this.#state = { kind: "ended" };
    this.#listener.onEnd(error);
  }
}

/** Returns why no hub was found: a final reason only if it holds for every address. */
function conclusion(
  last: GibbsError,
  failures: ReadonlyMap<Endpoint, GibbsError>,
  endpoints: Endpoints,
): GibbsError {
  const areAlike =
    failures.size === endpoints.size &&
    [...failures.values()].every(({ code }) => code === last.code);
  if (areAlike || last.code === "UNAVAILABLE") return last;
  return new GibbsError("UNAVAILABLE", last.message, { execution: "NOT_STARTED", cause: last });
}

function explain(
  { code, details, message, metadata }: ServiceError,
  endpoint: Endpoint,
): GibbsError {
  const encoded = metadata?.get(DETAILS_KEY)[0];
  const what = details ?? message;
  const isUnreached = code === status.UNAVAILABLE && encoded === undefined;
  const explained = isUnreached ? blameProxy(what, endpoint.proxy, endpoint.name) : what;
  return fromStatus(code, explained, encoded);
}

function workerOptions(maxPayloadBytes: number): ChannelOptions {
  return {
    ...channelOptions(maxPayloadBytes),
    "grpc.keepalive_permit_without_calls": 1,
    // A stream is never replayed, so there is no need to buffer messages for retries.
    "grpc.enable_retries": 0,
  };
}
