import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionOptions,
  connect,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type SecureClientSessionOptions,
} from "node:http2";
import { connect as connectTcp } from "node:net";
import { onTestFinished } from "vitest";
import { parseAddress } from "../../src/base/address.js";
import type { GibbsError } from "../../src/base/errors/error.js";
import { DETAILS_KEY, fromStatus } from "../../src/wire/grpc/status.js";
import { http2Frame } from "./http2-frames.js";

export { http2Frame } from "./http2-frames.js";

// gRPC over HTTP/2 without a gRPC library, to send what no library would.

/** The paths of the two services. */
export const paths = {
  request: "/gibbs.v1.HubService/Request",
  work: "/gibbs.v1.WorkerService/Work",
} as const;

/**
 * How a call ended: `status` is undefined if it was reset, or its connection closed, without one.
 */
export interface CallEnd {
  status: GibbsError | "OK" | undefined;
  resetCode: number;
}

/** Opens an HTTP/2 connection to a hub, destroyed when the test ends. Its errors fail no test. */
export function connectHttp2(
  address: string,
  options: ClientSessionOptions | SecureClientSessionOptions = {},
): ClientHttp2Session {
  const session = connect(`http://${address}`, options);
  session.on("error", () => {});
  onTestFinished(() => session.destroy());
  return session;
}

/** Opens a call and leaves its body open. */
export function openCall(
  session: ClientHttp2Session,
  path: string,
  headers: OutgoingHttpHeaders = {},
): ClientHttp2Stream {
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  stream.on("error", () => {});
  return stream;
}

/** Reads a call to its end. */
export function endOf(stream: ClientHttp2Stream): Promise<CallEnd> {
  let status: CallEnd["status"];
  const look = (headers: IncomingHttpHeaders): void => {
    if (headers["grpc-status"] === undefined) return;
    const code = Number(headers["grpc-status"]);
    const message = decodeURIComponent(String(headers["grpc-message"] ?? ""));
    const details = headers[DETAILS_KEY];
    const encoded = typeof details === "string" ? Buffer.from(details, "base64") : undefined;
    status = code === 0 ? "OK" : fromStatus(code, message, encoded);
  };
  // A call that fails at once has its status in its first headers.
  stream.on("response", look);
  stream.on("trailers", look);
  // Ends this side as well, as a library does: a call is closed when both sides have ended it.
  stream.on("end", () => stream.end());
  stream.resume();
  return new Promise((resolve) => {
    const end = (): void => resolve({ status, resetCode: stream.rstCode ?? 0 });
    if (stream.destroyed) end();
    else stream.on("close", end);
  });
}

/** Sends one call with `body` unchanged, and reads it to its end. */
export function post(
  session: ClientHttp2Session,
  path: string,
  body: Buffer,
  headers: OutgoingHttpHeaders = {},
): Promise<CallEnd> {
  const stream = openCall(session, path, headers);
  stream.end(body);
  return endOf(stream);
}

/** The preface of an HTTP/2 connection, with a client's empty settings. */
export const preface: Buffer = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  http2Frame(4, 0, 0, Buffer.alloc(0)),
]);

/** Sends raw bytes over TCP; resolves with how the hub refuses them. */
export function refusalOf(
  address: string,
  bytes: Buffer,
): Promise<"RST_STREAM" | "GOAWAY" | "closed"> {
  const socket = connectTcp(parseAddress(address));
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => {});
  socket.write(bytes);
  let unread = Buffer.alloc(0);
  return new Promise((resolve) => {
    socket.on("close", () => resolve("closed"));
    socket.on("data", (chunk: Buffer) => {
      unread = Buffer.concat([unread, chunk]);
      while (unread.length >= 9 + (unread.length >= 9 ? unread.readUIntBE(0, 3) : 0)) {
        if (unread[3] === 3) resolve("RST_STREAM");
        if (unread[3] === 7) resolve("GOAWAY");
        unread = unread.subarray(9 + unread.readUIntBE(0, 3));
      }
    });
  });
}

/** A gRPC message: `length` is what its prefix says, regardless of `bytes`. */
export function frame(
  bytes: Uint8Array,
  { compressed = false, length = bytes.length }: { compressed?: boolean; length?: number } = {},
): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(compressed ? 1 : 0, 0);
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, bytes]);
}
