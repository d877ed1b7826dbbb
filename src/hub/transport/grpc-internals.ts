import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { Server } from "@grpc/grpc-js";

// What grpc-js does internally but does not expose. Its version is pinned, and a test fails when
// this changes.

/** Serves an HTTP/2 stream. */
export type StreamHandler = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/**
 * Makes `serve` handle every stream in place of grpc-js, which still manages the connections. Call
 * it before the server listens, and only with channelz disabled.
 */
export function takeOver(server: Server, serve: StreamHandler): void {
  const internals = server as unknown as {
    _streamHandler(
      interceptors: unknown,
      stream: ServerHttp2Stream,
      headers: IncomingHttpHeaders,
    ): void;
  };
  internals._streamHandler = (_interceptors, stream, headers) => serve(stream, headers);
}
