/** The length of a frame's header, in bytes (RFC 9113, 4.1). */
const HEAD_BYTES = 9;

/** The highest stream id: a GOAWAY that names it refuses no stream. */
const LAST_STREAM = 2 ** 31 - 1;

/** An HTTP/2 frame, as RFC 9113 numbers types and flags. */
export function http2Frame(type: number, flags: number, stream: number, body: Uint8Array): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUIntBE(body.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, body]);
}

/** A GOAWAY frame. By default it refuses no stream and reports no error. */
export function goAwayFrame({
  lastStream = LAST_STREAM,
  code = 0,
}: {
  lastStream?: number;
  code?: number;
} = {}): Buffer {
  const body = Buffer.alloc(8);
  body.writeUInt32BE(lastStream, 0);
  body.writeUInt32BE(code, 4);
  return http2Frame(7, 0, 0, body);
}

/** Finds the boundaries between the frames of one direction, starting after a client's preface. */
export class FrameReader {
  readonly #head = Buffer.alloc(HEAD_BYTES);
  #headBytes = 0;
  #bodyBytesLeft = 0;
  /** The number of whole frames so far. */
  frames = 0;

  /** Reads up to the end of the frame that it is in; returns how many bytes that were. */
  read(bytes: Buffer): number {
    let at = 0;
    if (this.#bodyBytesLeft === 0) {
      at = bytes.copy(this.#head, this.#headBytes);
      this.#headBytes += at;
      if (this.#headBytes < HEAD_BYTES) return at;
      this.#headBytes = 0;
      this.#bodyBytesLeft = this.#head.readUIntBE(0, 3);
    }
    const taken = Math.min(this.#bodyBytesLeft, bytes.length - at);
    this.#bodyBytesLeft -= taken;
    if (this.#bodyBytesLeft === 0) this.frames += 1;
    return at + taken;
  }

  /** Whether the next byte begins a frame. */
  get isBetweenFrames(): boolean {
    return this.#headBytes === 0 && this.#bodyBytesLeft === 0;
  }
}
