import type { ChannelOptions } from "@grpc/grpc-js";
import { fixed } from "../../base/options/limits.js";

/**
 * The options of grpc-js that both ends share: every limit on a message's size
 * is set, the transport's own liveness is on, and not faster than proxies and
 * servers bear (they answer quick pings with GOAWAY too_many_pings).
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
