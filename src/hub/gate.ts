import { constants, type ServerHttp2Stream } from "node:http2";
import { type Router, unimplemented } from "./router.js";
import type { StreamHandler } from "./transport/grpc-internals.js";
import { Http2Call } from "./transport/http2-call.js";
import { ANONYMOUS } from "./transport/identity.js";

/**
 * The entry point of everything that a hub serves: turns each HTTP/2 stream into a call with its
 * caller's identity, for `router` to serve, or refuses it.
 */
export function streamHandler(router: Router, maxMessageBytes: number): StreamHandler {
  return (stream, headers) => {
    const contentType = headers["content-type"] ?? "";
    if (!contentType.startsWith("application/grpc")) return refuseMediaType(stream);
    const isWeb = contentType.startsWith("application/grpc-web");
    const handler = isWeb ? unimplemented : router.handle;
    void new Http2Call(stream, headers, ANONYMOUS, maxMessageBytes, handler);
  };
}

function refuseMediaType(stream: ServerHttp2Stream): void {
  // Nothing to do on an error: "close" follows, and no caller is waiting.
  stream.on("error", () => {});
  const headers = { ":status": constants.HTTP_STATUS_UNSUPPORTED_MEDIA_TYPE };
  stream.respond(headers, { endStream: true });
  stream.resume();
}
