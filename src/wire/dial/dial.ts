import type { Socket } from "node:net";
import { Channel, type ChannelOptions, connectivityState, Metadata } from "@grpc/grpc-js";
import { onAbort } from "../../base/abort.js";
import type { Clock } from "../../base/clock.js";
import { GibbsError, messageOf } from "../../base/errors/error.js";
import type { Endpoint } from "./endpoint.js";
import { FIXED_TARGET, fixedAddress } from "./fixed-resolver.js";
import { HubChannel } from "./hub-channel.js";
import { insecureOn } from "./on-socket.js";
import { openTunnel } from "./open-tunnel.js";
import { blameProxy } from "./proxy.js";

/** How a channel is dialed. */
export interface DialOptions {
  clock: Clock;
  /** The channel's other options. */
  channel: ChannelOptions;
  /** Receives the socket once it is connected. */
  onSocket?(socket: Socket): void;
}

/**
 * Connects to an endpoint, directly or through its proxy. The channel connects once: it is of no use
 * after its connection has been left, except to the calls that are open on it.
 *
 * @throws GibbsError UNAVAILABLE, not started, if that fails or `signal` fires first. No socket
 * remains.
 */
export async function dial(
  endpoint: Endpoint,
  options: DialOptions,
  signal: AbortSignal,
): Promise<HubChannel> {
  const { name, address, proxy } = endpoint;
  const attempt = new AbortController();
  const stopListening = onAbort(signal, () => attempt.abort());
  let socket: Socket | undefined;
  let failure: unknown;
  const isSocket = name.startsWith("unix:");
  const onSocket = async (dialed: Socket): Promise<void> => {
    if (attempt.signal.aborted) dialed.destroy();
    socket = dialed;
    options.onSocket?.(dialed);
    if (proxy === undefined) return;
    try {
      await openTunnel(dialed, name, proxy);
    } catch (error) {
      failure = error;
      throw error;
    }
  };
  const target = {
    ...address,
    get signal(): AbortSignal {
      // grpc-js may dial once more after its backoff, though the channel is closed.
      attempt.signal.throwIfAborted();
      return attempt.signal;
    },
  };
  const channel = new Channel(FIXED_TARGET, insecureOn(onSocket), {
    ...options.channel,
    ...fixedAddress(target),
    "grpc.default_authority": isSocket ? "localhost" : name,
    "grpc.enable_http_proxy": 0,
    "grpc.service_config_disable_resolution": 1,
    "grpc.use_local_subchannel_pool": 1,
  });
  try {
    await becomesReady(channel, attempt.signal);
    const connected = new HubChannel(channel, endpoint, options.clock, socket);
    if (connected.isLeft) throw new Error("it was closed at once");
    return connected;
  } catch (error) {
    failure ??= error;
    channel.close();
    attempt.abort();
    const message = `${name}: ${messageOf(failure)}`;
    const details = { execution: "NOT_STARTED", cause: failure } as const;
    throw new GibbsError("UNAVAILABLE", blameProxy(message, proxy, name), details);
  } finally {
    stopListening();
  }
}

/** Resolves when the channel is ready; rejects with the reason if it fails, or when `signal` fires. */
function becomesReady(channel: Channel, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stopListening = onAbort(signal, () => reject(new Error("no answer in time")));
    const look = (): void => {
      if (signal.aborted) return;
      const state = channel.getConnectivityState(true);
      if (state === connectivityState.READY) resolve();
      else if (state === connectivityState.TRANSIENT_FAILURE)
        void whyNotReady(channel).then(reject);
      else return channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, look);
      stopListening();
    };
    look();
  });
}

/** Returns why the channel could not connect, which grpc-js reports to calls only. */
function whyNotReady(channel: Channel): Promise<Error> {
  return new Promise((resolve) => {
    const call = channel.createCall("/", Number.POSITIVE_INFINITY, null, null, null);
    call.start(new Metadata(), {
      onReceiveMetadata: () => {},
      onReceiveMessage: () => {},
      onReceiveStatus: ({ details }) => {
        const [, cause] =
          /Last error: (?:Error: )?(.*?)(?: \([^)]*Z\))?\. Resolution/.exec(details) ?? [];
        resolve(new Error(cause ?? details));
      },
    });
  });
}
