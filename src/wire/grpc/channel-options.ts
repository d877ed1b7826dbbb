import type { ChannelOptions } from "@grpc/grpc-js";
import { fixed } from "../../base/options/limits.js";

/**
 * The grpc-js options that both ends share: message size limits, and keepalive no faster than
 * proxies and servers tolerate (they answer frequent pings with GOAWAY too_many_pings).
 */
export function channelOptions(maxPayloadBytes: number): ChannelOptions {
  const maxMessageBytes = maxPayloadBytes + fixed.envelopeBytes;
  return {
    "grpc.max_receive_message_length": maxMessageBytes,
    "grpc.max_send_message_length": maxMessageBytes,
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 20_000,
    "grpc.enable_channelz": 0,
  };
}
