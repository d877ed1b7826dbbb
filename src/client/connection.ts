import {
  Channel,
  type ChannelOptions,
  type ClientDuplexStream,
  connectivityState,
  credentials,
  Client as GrpcClient,
  Metadata,
  type StatusObject,
  status,
} from "@grpc/grpc-js";
import { onAbort } from "../base/abort.js";
import { type Clock, delay } from "../base/clock.js";
import type { GibbsError } from "../base/errors/error.js";
import { gibbsError } from "../base/errors/reasons.js";
import { channelOptions } from "../wire/grpc/channel-options.js";
import { rawService } from "../wire/grpc/raw-service.js";
import { HubService } from "../wire/index.js";

const { request, multiplex } = rawService(HubService);

/** The channel to one hub, and the wait for it, which all requests share. */
export class HubConnection {
  readonly #channel: Channel;
  readonly #address: string;
  readonly #connectTimeoutMs: number;
  readonly #clock: Clock;
  readonly #grpc: GrpcClient;
  #ready: Promise<void> | undefined;

  constructor(
    address: string,
    limits: { maxPayloadBytes: number; connectTimeoutMs: number },
    clock: Clock,
  ) {
    this.#address = address;
    this.#connectTimeoutMs = limits.connectTimeoutMs;
    this.#clock = clock;
    this.#channel = new Channel(
      address,
      credentials.createInsecure(),
      options(limits.maxPayloadBytes),
    );
    this.#grpc = new GrpcClient("", credentials.createInsecure(), {
      channelOverride: this.#channel,
    });
  }

  get isReady(): boolean {
    return this.#channel.getConnectivityState(true) === connectivityState.READY;
  }

  /**
   * Waits until the hub is reachable, `signal` fires, or the connection is closed.
   *
   * @throws GibbsError UNAVAILABLE / NOT_CONNECTED at `until` (on the client's clock) or after
   * `connectTimeoutMs`, whichever comes first; nothing was sent.
   */
  async ready(until: number, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted || this.isReady) return;
    const timeoutMs = Math.max(0, Math.min(until - this.#clock.now(), this.#connectTimeoutMs));
    const patience = new AbortController();
    const stopListening = onAbort(signal, () => patience.abort());
    this.#ready ??= this.#becomeReady().finally(() => {
      this.#ready = undefined;
    });
    try {
      const tooLong = delay(this.#clock, timeoutMs, patience.signal).then(() => {
        if (!patience.signal.aborted) throw notConnected(this.#address, timeoutMs);
      });
      await Promise.race([this.#ready, tooLong]);
    } finally {
      stopListening();
      patience.abort();
    }
  }

  /** Opens a `Multiplex` stream; its messages are passed as encoded bytes. */
  openMultiplex(): ClientDuplexStream<Buffer, Buffer> {
    return this.#grpc.makeBidiStreamRequest(
      multiplex.path,
      multiplex.requestSerialize,
      multiplex.responseDeserialize,
      // Lets the call wait for a connection instead of failing before it is sent.
      new Metadata({ waitForReady: true }),
    );
  }

  /**
   * Calls `Request` with an encoded message; the response that `done` receives is encoded, too.
   * `metadata` must set `waitForReady`. Bypasses grpc-js's generic client, which captures a stack
   * trace for each call.
   */
  request(
    message: Buffer,
    metadata: Metadata,
    done: (status: StatusObject, response: Buffer | undefined) => void,
  ): { cancel(): void } {
    const call = this.#channel.createCall(request.path, Number.POSITIVE_INFINITY, null, null, null);
    let response: Buffer | undefined;
    call.start(metadata, {
      onReceiveMetadata: () => {},
      onReceiveMessage: (received: Buffer) => {
        response = received;
      },
      onReceiveStatus: (how) => done(how, response),
    });
    call.sendMessageWithContext({}, message);
    call.halfClose();
    call.startRead();
    return { cancel: () => call.cancelWithStatus(status.CANCELLED, "Cancelled on client") };
  }

  /** Closes the connection and ends every wait for it. */
  close(): void {
    this.#channel.close();
  }

  async #becomeReady(): Promise<void> {
    for (;;) {
      const state = this.#channel.getConnectivityState(true);
      if (state === connectivityState.READY) return;
      // The client was closed, and every request has already failed.
      if (state === connectivityState.SHUTDOWN) return;
      await new Promise<void>((resolve) => {
        this.#channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, () => resolve());
      });
    }
  }
}

function notConnected(address: string, timeoutMs: number): GibbsError {
  const message = `no hub answers at ${address} (waited ${Math.round(timeoutMs)} ms): is one running there?`;
  return gibbsError("NOT_CONNECTED", message, { execution: "NOT_STARTED" });
}

function options(maxPayloadBytes: number): ChannelOptions {
  return {
    ...channelOptions(maxPayloadBytes),
    // An oversize answer must end its own call, not the stream that all calls share.
    "grpc.max_receive_message_length": -1,
    // A hub that restarts within seconds should delay its callers, not fail their calls.
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.min_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1000,
    "grpc.use_local_subchannel_pool": 1,
  };
}
