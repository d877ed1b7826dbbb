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

/**
 * Lets a call name any deadline: grpc-js counts its milliseconds in an int32, and
 * what is above ends at once. To be called before the server listens.
 */
export function clampTimeouts(server: Server): void {
  const internals = server as unknown as { createHttp2Server(credentials: unknown): Http2Server };
  const create = internals.createHttp2Server.bind(server);
  internals.createHttp2Server = (credentials) => {
    const http2Server = create(credentials);
    http2Server.prependListener("stream", (_stream, headers) => clampTimeout(headers));
    return http2Server;
  };
}

const HOURS_THAT_FIT = 596;
const hoursOf: Record<string, number> = { H: 1, M: 1 / 60, S: 1 / 3600, m: 1 / 3_600_000 };

function clampTimeout(headers: IncomingHttpHeaders): void {
  const [, count, unit] = /^(\d{1,8})([HMSm])$/.exec(String(headers["grpc-timeout"])) ?? [];
  if (Number(count) * (hoursOf[unit ?? ""] ?? 0) > HOURS_THAT_FIT) {
    headers["grpc-timeout"] = `${HOURS_THAT_FIT}H`;
  }
}
