import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { Server } from "@grpc/grpc-js";

// What grpc-js does but does not offer. Its version is pinned, and a test fails
// when this moves.

/** Serves a call on its HTTP/2 stream. */
export type StreamHandler = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/**
 * Has the calls of some paths served without grpc-js, on the connections that it
 * keeps. To be called before the server listens, and not with channelz.
 */
export function takeOver(server: Server, handlers: ReadonlyMap<string, StreamHandler>): void {
  const internals = server as unknown as {
    _streamHandler(
      interceptors: unknown,
      stream: ServerHttp2Stream,
      headers: IncomingHttpHeaders,
    ): void;
  };
  const handle = internals._streamHandler.bind(server);
  internals._streamHandler = (interceptors, stream, headers) => {
    const handler = isGrpc(headers) ? handlers.get(headers[":path"] ?? "") : undefined;
    if (handler === undefined) handle(interceptors, stream, headers);
    else handler(stream, headers);
  };
}

/** All else grpc-js refuses. */
function isGrpc(headers: IncomingHttpHeaders): boolean {
  return /^application\/grpc(?!-web)/.test(headers["content-type"] ?? "");
}
