import type { Socket } from "node:net";
import {
  Channel,
  type ChannelOptions,
  type ClientDuplexStream,
  connectivityState,
  credentials,
  Client as GrpcClient,
  Metadata,
  type ServiceError,
  type StatusObject,
  status,
} from "@grpc/grpc-js";
import { onAbort } from "../base/abort.js";
import { type Clock, delay } from "../base/clock.js";
import type { GibbsError } from "../base/errors/error.js";
import { gibbsError } from "../base/errors/reasons.js";
import { channelOptions } from "../wire/grpc/channel-options.js";
import { channelTarget } from "../wire/grpc/channel-target.js";
import { onLeavingReady } from "../wire/grpc/leaving-ready.js";
import { onConnection } from "../wire/grpc/on-connection.js";
import { blameProxy, type HttpProxy } from "../wire/grpc/proxy.js";
import { rawService } from "../wire/grpc/raw-service.js";
import { HubService } from "../wire/index.js";
import { afterLeaving } from "./failure.js";

const { request, multiplex } = rawService(HubService);

/** The channel to one hub, and the wait for it, which all requests share. */
export class HubConnection {
  readonly #channel: Channel;
  readonly #address: string;
  readonly #connectTimeoutMs: number;
  readonly #clock: Clock;
  readonly #grpc: GrpcClient;
  readonly #proxy: HttpProxy | undefined;
  readonly #sockets = new Set<Socket>();
  #ready: Promise<void> | undefined;
  /** How many times the connection has gone away or been lost. */
  #departures = 0;

  constructor(
    address: string,
    limits: { maxPayloadBytes: number; connectTimeoutMs: number },
    clock: Clock,
  ) {
    this.#address = address;
    this.#connectTimeoutMs = limits.connectTimeoutMs;
    this.#clock = clock;
    const { target, options, proxy } = channelTarget(address);
    this.#proxy = proxy;
    const tracked = onConnection(credentials.createInsecure(), (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    this.#channel = new Channel(target, tracked, {
      ...clientOptions(limits.maxPayloadBytes),
      ...options,
    });
    this.#grpc = new GrpcClient("", credentials.createInsecure(), {
      channelOverride: this.#channel,
    });
    this.onLeft(() => {
      this.#departures += 1;
    });
  }

  get isReady(): boolean {
    return this.#dial() === connectivityState.READY;
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
        if (!patience.signal.aborted) throw this.#notConnected(timeoutMs);
      });
      await Promise.race([this.#ready, tooLong]);
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
    onLeavingReady(this.#channel, onLeft);
  }

  /** Opens a `Multiplex` stream; its messages are passed as encoded bytes. */
  openMultiplex(): ClientDuplexStream<Buffer, Buffer> {
    const departures = this.#departures;
    const stream = this.#grpc.makeBidiStreamRequest(
      multiplex.path,
      multiplex.requestSerialize,
      multiplex.responseDeserialize,
      // Lets the call wait for a connection instead of failing before it is sent.
      new Metadata({ waitForReady: true }),
    );
    // The listeners that the caller adds see what this one makes of the error.
    return stream.on("error", (error: ServiceError) => {
      if (this.#departures !== departures) afterLeaving(error);
    });
  }

  /**
   * Lets the process end although the connection is open: until it next opens a stream, only the
   * timers of calls keep the process alive.
   */
  detach(): void {
    for (const socket of this.#sockets) socket.unref();
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
    const departures = this.#departures;
    let response: Buffer | undefined;
    call.start(metadata, {
      onReceiveMetadata: () => {},
      onReceiveMessage: (received: Buffer) => {
        response = received;
      },
      onReceiveStatus: (how) => {
        done(this.#departures === departures ? how : afterLeaving(how), response);
      },
    });
    call.sendMessageWithContext({}, message);
    call.halfClose();
    call.startRead();
    const cancel = (): void => call.cancelWithStatus(status.CANCELLED, "Cancelled on client");
    return {
      cancel: () => {
        cancel();
        // A call that is cancelled in the turn in which it starts, grpc-js starts all the same.
        this.#clock.setTimer(0, cancel);
      },
    };
  }

  /** Closes the connection and ends every wait for it. */
  close(): void {
    this.#channel.close();
  }

  #notConnected(timeoutMs: number): GibbsError {
    const waited = `waited ${Math.round(timeoutMs)} ms`;
    const message = `no hub answers at ${this.#address} (${waited}): is one running there?`;
    const details = { execution: "NOT_STARTED" } as const;
    return gibbsError("NOT_CONNECTED", blameProxy(message, this.#proxy, this.#address), details);
  }

  /** Returns the state of the channel; an idle one dials from now on. */
  #dial(): connectivityState {
    const state = this.#channel.getConnectivityState(false);
    // A closed channel that is asked to connect would dial for ever.
    if (state === connectivityState.SHUTDOWN) return state;
    return this.#channel.getConnectivityState(true);
  }

  async #becomeReady(): Promise<void> {
    for (;;) {
      const state = this.#dial();
      if (state === connectivityState.READY) return;
      // The client was closed, and every request has already failed.
      if (state === connectivityState.SHUTDOWN) return;
      await new Promise<void>((resolve) => {
        this.#channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, () => resolve());
      });
    }
  }
}

function clientOptions(maxPayloadBytes: number): ChannelOptions {
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
