import {
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import { promisify } from "node:util";
import { gunzip, inflate } from "node:zlib";
import { status as grpcStatus, type StatusObject } from "@grpc/grpc-js";
import { messageOf } from "../../base/errors/error.js";
import { prefixOf, withPrefix } from "../../wire/grpc/message-prefix.js";
import { MessageReader, type RawMessage } from "../../wire/grpc/message-reader.js";
import { MAX_BATCH_BYTES } from "../../wire/messages/batch.js";
import type { Peer } from "../core/requests/unread.js";
import { bareStatus } from "./bare-status.js";
import type { Identity } from "./identity.js";
import { type ReadState, transition } from "./read-state.js";
import type { CallHandler, CallListener, ServerCall } from "./server-call.js";

/** The number of bytes waiting to be written above which a socket counts as full. */
const HIGH_WATER_BYTES = MAX_BATCH_BYTES;

/**
 * The largest message that is copied behind its prefix; for larger ones a second write costs less.
 */
const MAX_COPIED_BYTES = 64 * 1024;

const unpackers: ReadonlyMap<string, (bytes: Buffer, limit: object) => Promise<Buffer>> = new Map([
  ["gzip", promisify<Buffer, object, Buffer>(gunzip)],
  ["deflate", promisify<Buffer, object, Buffer>(inflate)],
]);

const responseHeaders = {
  ":status": constants.HTTP_STATUS_OK,
  "content-type": "application/grpc+proto",
  "grpc-accept-encoding": ["identity", ...unpackers.keys()].join(","),
};

const unitsMs: ReadonlyMap<string, number> = new Map([
  ["H", 3_600_000],
  ["M", 60_000],
  ["S", 1000],
  ["m", 1],
  ["u", 1e-3],
  ["n", 1e-6],
]);

/**
 * A gRPC call, read from and written to its HTTP/2 stream as
 * https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md specifies. The
 * layers of grpc-js would cost a request more than all of the hub's own code.
 */
export class Http2Call implements ServerCall {
  readonly identity: Identity;
  readonly #stream: ServerHttp2Stream;
  readonly #headers: IncomingHttpHeaders;
  readonly #maxMessageBytes: number;
  readonly #reader: MessageReader;
  readonly #listener: CallListener;
  #state: ReadState = "reading";
  #trailers = toHeaders(undefined);

  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    identity: Identity,
    maxMessageBytes: number,
    handler: CallHandler,
  ) {
    this.identity = identity;
    this.#stream = stream;
    this.#headers = headers;
    this.#maxMessageBytes = maxMessageBytes;
    this.#reader = new MessageReader(maxMessageBytes);
    this.#listener = handler(this);
    stream.on("data", (chunk: Buffer) => this.#receive(chunk));
    stream.on("end", () => {
      this.#read();
      if (stream.closed) this.#destroySoon();
    });
    stream.on("drain", () => this.#listener.onDrain?.());
    stream.on("aborted", () => this.#destroySoon());
    stream.on("close", () => this.#listener.onClose());
    // Nothing to do on an error: "close" follows.
    stream.on("error", () => {});
  }

  get path(): string {
    return this.#headers[":path"] ?? "";
  }

  get peer(): Peer {
    return this.#stream.session ?? this.#stream;
  }

  get timeoutMs(): number | undefined {
    const header = this.#headers["grpc-timeout"];
    if (header === undefined) return undefined;
    const [, count, unit = ""] = /^(\d{1,8})([HMSmun])$/.exec(String(header)) ?? [];
    return Number(count) * (unitsMs.get(unit) ?? 0);
  }

  header(key: string): Uint8Array[] {
    const value = this.#headers[key];
    if (value === undefined) return [];
    if (!key.endsWith("-bin")) return [value].flat().map((text) => Buffer.from(text));
    const encoded = String(value).split(",");
    return encoded.map((text) => Buffer.from(text, "base64"));
  }

  write(message: Buffer, onTaken?: () => void): boolean {
    if (this.#isGone) {
      onTaken?.();
      return false;
    }
    const stream = this.#stream;
    this.#sendHeaders();
    if (message.length <= MAX_COPIED_BYTES) stream.write(withPrefix(message), onTaken);
    else {
      stream.cork();
      stream.write(prefixOf(message));
      stream.write(message, onTaken);
      stream.uncork();
    }
    return stream.writableLength <= HIGH_WATER_BYTES;
  }

  respond(message: Buffer): void {
    if (message.length > MAX_COPIED_BYTES) {
      this.write(message);
      return this.end();
    }
    if (this.#isGone) return;
    this.#state = transition(this.#state, "end");
    this.#sendHeaders();
    this.#stream.end(withPrefix(message));
    this.#stream.resume();
  }

  end(status?: StatusObject): void {
    if (this.#isGone) return;
    this.#state = transition(this.#state, "end");
    const stream = this.#stream;
    if (status !== undefined && !stream.headersSent) {
      stream.respond({ ...responseHeaders, ...toHeaders(status) }, { endStream: true });
    } else {
      this.#trailers = toHeaders(status);
      this.#sendHeaders();
      stream.end();
    }
    stream.resume();
  }

  refuse(status: StatusObject): void {
    if (this.#isGone) return;
    this.end(status);
    // Not NO_ERROR: with that, Node 22 leaves a caller that is still sending waiting forever.
    this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  abandon(): void {
    this.#state = transition(this.#state, "end");
    if (this.#stream.closed) this.#destroySoon();
    else this.#stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  pause(): void {
    if (this.#isGone) return;
    this.#state = transition(this.#state, "pause");
    this.#stream.pause();
  }

  resume(): void {
    this.#state = transition(this.#state, "resume");
    if (this.#state !== "unpacking") this.#stream.resume();
  }

  get #isGone(): boolean {
    return this.#state === "ended" || this.#stream.destroyed || this.#stream.closed;
  }

  /**
   * Destroys the stream after the peer has reset it, or both sides have finished. After a reset
   * without an error, Node delays "close" until everything is read and written, which will never
   * happen.
   */
  #destroySoon(): void {
    this.#stream.resume();
    // Deferred, so that it runs outside the `close` that may have called this, and after anything
    // that it still delivers.
    process.nextTick(() => this.#stream.destroy());
  }

  #sendHeaders(): void {
    if (this.#stream.headersSent) return;
    this.#stream.respond(responseHeaders, { waitForTrailers: true });
    this.#stream.on("wantTrailers", () => this.#stream.sendTrailers(this.#trailers));
  }

  #receive(chunk: Buffer): void {
    if (this.#state === "ended") return;
    this.#reader.push(chunk);
    this.#read();
  }

  #read(): void {
    while ((this.#state === "reading" || this.#state === "paused") && !this.#stream.destroyed) {
      const message = this.#next();
      if (message === undefined)
        return this.#stream.readableEnded ? this.#halfClose() : this.#await();
      if (message.isCompressed) void this.#unpack(message.bytes);
      else this.#listener.onMessage(message.bytes);
    }
  }

  #next(): RawMessage | undefined {
    try {
      return this.#reader.next();
    } catch (error) {
      this.end(bareStatus(grpcStatus.RESOURCE_EXHAUSTED, `received ${messageOf(error)}`));
      return undefined;
    }
  }

  #halfClose(): void {
    if (this.#state !== "ended") this.#listener.onHalfClose();
  }

  #await(): void {
    const { awaited, isAwaitedCompressed } = this.#reader;
    if (awaited === undefined || this.#state === "ended") return;
    this.#listener.onAwaited?.(isAwaitedCompressed ? this.#maxMessageBytes : awaited);
  }

  async #unpack(packed: Buffer): Promise<void> {
    this.#listener.onAwaited?.(this.#maxMessageBytes);
    if (this.#state === "ended") return;
    const encoding = String(this.#headers["grpc-encoding"] ?? "identity");
    const unpack = unpackers.get(encoding);
    if (unpack === undefined) {
      const details = `this hub cannot read messages compressed as "${encoding}"`;
      return this.end(bareStatus(grpcStatus.UNIMPLEMENTED, details));
    }
    this.#state = transition(this.#state, "unpack");
    this.#stream.pause();
    let message: Buffer | undefined;
    try {
      message = await unpack(packed, { maxOutputLength: this.#maxMessageBytes });
    } catch (error) {
      const isTooLarge = (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
      const code = isTooLarge ? grpcStatus.RESOURCE_EXHAUSTED : grpcStatus.INTERNAL;
      this.end(bareStatus(code, `a compressed message cannot be read: ${messageOf(error)}`));
    }
    this.#state = transition(this.#state, "unpacked");
    if (message === undefined || this.#isGone) return void this.#stream.resume();
    this.#listener.onMessage(message);
    this.#read();
    if (this.#state === "reading") this.#stream.resume();
  }
}

function toHeaders(status: StatusObject | undefined): OutgoingHttpHeaders {
  if (status === undefined) return { "grpc-status": grpcStatus.OK };
  const { code, details, metadata } = status;
  return {
    "grpc-status": code,
    "grpc-message": encodeURI(details),
    ...metadata.toHttp2Headers(),
  };
}
