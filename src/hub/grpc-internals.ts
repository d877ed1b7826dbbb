import type { Http2Server, IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { Server, ServerDuplexStream, ServerUnaryCall } from "@grpc/grpc-js";

// What grpc-js does but does not offer. Its version is pinned, and each of these
// has a test that fails when it moves.

/** The HTTP/2 stream of a call: when it closes, the answer was taken; and it can be reset. */
export function streamOf(
  call: ServerUnaryCall<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>,
): ServerHttp2Stream {
  return (call as unknown as { call: { stream: ServerHttp2Stream } }).call.stream;
}

/** Is shown each call's HTTP/2 stream before grpc-js is. */
export type StreamObserver = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/** Shows `observer` all calls of a server. To be called before the server listens. */
export function observeStreams(server: Server, observer: StreamObserver): void {
  const internals = server as unknown as { createHttp2Server(credentials: unknown): Http2Server };
  const create = internals.createHttp2Server.bind(server);
  internals.createHttp2Server = (credentials) => {
    const http2Server = create(credentials);
    http2Server.prependListener("stream", observer);
    return http2Server;
  };
}

/** How much later than its caller says grpc-js ends a call by itself, in milliseconds. */
export const DEADLINE_SLACK_MS = 1000;

const unitsMs: Record<string, number> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** 24 days: grpc-js counts a call's milliseconds in an int32, and what is above ends at once. */
const MAX_MS = 24 * 24 * 3_600_000;

/**
 * Has grpc-js leave the end of calls to the hub, whose status says more than its
 * own, and lets a call name any deadline.
 */
export function easeDeadline(_stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  const [, count, unit = ""] = /^(\d{1,8})([HMSmun])$/.exec(String(headers["grpc-timeout"])) ?? [];
  if (count === undefined) return;
  const ms = Math.min(Number(count) * (unitsMs[unit] ?? 0), MAX_MS) + DEADLINE_SLACK_MS;
  const fits = ms < 1e8;
  headers["grpc-timeout"] = fits ? `${Math.ceil(ms)}m` : `${Math.ceil(ms / 1000)}S`;
}
