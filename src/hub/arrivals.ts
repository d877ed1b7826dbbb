import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { GibbsError } from "../base/error.js";
import { fixed } from "../base/options.js";
import { toStatus } from "../wire/status.js";
import type { Engine } from "./engine.js";

/** The prefix of a gRPC message: whether it is compressed, and its length. */
const PREFIX_BYTES = 5;

/** What is smaller is one or two reads, and counts when it is there. */
const SMALL_BYTES = 64 * 1024;

/**
 * Counts large unary requests from their first bytes on, and refuses those for
 * which there is no room: grpc-js gathers a whole message before a handler hears
 * of it. (What comes on a stream of many messages is read one after another.)
 */
export function watchArrivals(
  path: string,
  engine: Engine,
  maxPayloadBytes: number,
): (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void {
  const mostBytes = maxPayloadBytes + fixed.envelopeBytes;
  return (stream, headers) => {
    if (headers[":path"] !== path) return;
    let prefix = Buffer.alloc(0);
    const look = (chunk: Buffer): void => {
      if (stream.headersSent || stream.closed) {
        // Ended already, by grpc-js: what still comes is dropped.
        stream.off("data", look);
        return void stream.resume();
      }
      prefix = Buffer.concat([prefix, chunk.subarray(0, PREFIX_BYTES - prefix.length)]);
      if (prefix.length < PREFIX_BYTES) return;
      stream.off("data", look);
      const isCompressed = prefix[0] !== 0;
      const bytes = isCompressed ? mostBytes : Math.min(prefix.readUInt32BE(1), mostBytes);
      if (bytes < SMALL_BYTES) return;
      const arrived = engine.arriving(bytes);
      if (typeof arrived !== "function") return refuse(stream, arrived);
      stream.once("end", arrived);
      stream.once("close", arrived);
    };
    stream.on("data", look);
  };
}

/** Ends the call before grpc-js has begun it, and tells the caller to stop sending. */
function refuse(stream: ServerHttp2Stream, error: GibbsError): void {
  const { code, details, metadata } = toStatus(error);
  const headers = {
    ":status": 200,
    "content-type": "application/grpc+proto",
    "grpc-status": code,
    "grpc-message": encodeURI(details),
    ...metadata.toHttp2Headers(),
  };
  stream.respond(headers, { endStream: true });
  stream.resume();
  // Not NO_ERROR: with that, Node 22 lets a caller that still sends wait for ever.
  stream.close(constants.NGHTTP2_CANCEL);
}
