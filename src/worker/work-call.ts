import { type ChannelOptions, Client, credentials, type ServiceError, status } from "@grpc/grpc-js";
import type { GibbsError } from "../base/errors/error.js";
import { channelOptions } from "../wire/grpc/channel-options.js";
import { channelTarget } from "../wire/grpc/channel-target.js";
import { onLeavingReady } from "../wire/grpc/leaving-ready.js";
import { blameProxy } from "../wire/grpc/proxy.js";
import { rawService } from "../wire/grpc/raw-service.js";
import { DETAILS_KEY, fromStatus } from "../wire/grpc/status.js";
import { WorkerService } from "../wire/messages/work.js";

/**
 * Receives a stream's events, starting after the function that opens it has returned. `onEnd` is
 * called exactly once, after everything else, with undefined after a clean end.
 */
export interface WorkStreamListener {
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

/** Opens a `Work` call at `address`. Does not throw: failures are reported through `onEnd`. */
export type OpenWorkStream = (
  address: string,
  maxPayloadBytes: number,
  listener: WorkStreamListener,
) => WorkStream;

const { work } = rawService(WorkerService);

/** Opens a `Work` call with grpc-js. */
export const openWorkStream: OpenWorkStream = (address, maxPayloadBytes, listener) => {
  const { target, options, proxy } = channelTarget(address);
  const client = new Client(target, credentials.createInsecure(), {
    ...workerOptions(maxPayloadBytes),
    ...options,
  });
  const call = client.makeBidiStreamRequest(
    work.path,
    work.requestSerialize,
    work.responseDeserialize,
  );
  onLeavingReady(client.getChannel(), () => {
    if (!ended) listener.onGoingAway();
  });
  let ended = false;
  const end = (error: GibbsError | undefined): void => {
    if (ended) return;
    ended = true;
    client.close();
    listener.onEnd(error);
  };
  call.on("data", (encoded: Buffer) => listener.onMessage(encoded));
  call.on("error", (error: ServiceError) => {
    const details = error.metadata?.get(DETAILS_KEY)[0];
    const message = error.details ?? error.message;
    const isUnreached = error.code === status.UNAVAILABLE && details === undefined;
    const explained = isUnreached ? blameProxy(message, proxy, address) : message;
    end(fromStatus(error.code, explained, details));
  });
  call.on("status", ({ code }) => {
    if (code === 0) end(undefined);
  });
  call.on("end", () => call.end());
  return {
    write: (encoded) => void call.write(encoded),
    cancel: () => call.cancel(),
  };
};

function workerOptions(maxPayloadBytes: number): ChannelOptions {
  return {
    ...channelOptions(maxPayloadBytes),
    "grpc.keepalive_permit_without_calls": 1,
    // A stream is never replayed, so there is no need to buffer messages for retries.
    "grpc.enable_retries": 0,
    // Each attempt dials anew instead of waiting for an earlier one's backoff.
    "grpc.use_local_subchannel_pool": 1,
  };
}
