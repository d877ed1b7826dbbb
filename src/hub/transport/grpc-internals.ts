import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { Server } from "@grpc/grpc-js";

// What grpc-js does but does not offer. Its version is pinned, and a test fails
// when this moves.

/** Serves an HTTP/2 stream. */
export type StreamHandler = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/**
 * Has every stream served without grpc-js, on the connections that it keeps. To be
 * called before the server listens, and not with channelz.
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
