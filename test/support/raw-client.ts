import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { onTestFinished } from "vitest";

/** A client that a test plays by hand, on HTTP/2 itself. */
export class RawClient {
  readonly session: ClientHttp2Session;

  constructor(address: string) {
    this.session = connect(`http://${address}`);
    this.session.on("error", () => {});
    onTestFinished(() => this.session.destroy());
  }

  /** Makes a `Request` call. Nothing of the answer is read unless somebody listens to it. */
  request(message: Uint8Array, headers: Record<string, string> = {}): ClientHttp2Stream {
    const stream = this.open("/gibbs.v1.HubService/Request", headers);
    stream.end(frame(message));
    return stream;
  }

  /** Begins a call of any method. */
  open(path: string, headers: Record<string, string> = {}): ClientHttp2Stream {
    const stream = this.session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
    stream.on("error", () => {});
    return stream;
  }
}

/** A message with gRPC's prefix. */
export function frame(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** The trailers that a call ends with, its answer read and dropped. */
export function trailersOf(stream: ClientHttp2Stream): Promise<Record<string, unknown>> {
  return new Promise((resolve) => {
    stream.on("trailers", (trailers) => resolve(trailers));
    // A call that fails before it began has its status in the headers.
    stream.on("response", (headers) => {
      if (headers["grpc-status"] !== undefined) resolve(headers);
    });
    stream.resume();
  });
}
