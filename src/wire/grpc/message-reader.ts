import { PREFIX_BYTES } from "./message-prefix.js";

/**
 * The sizes in which the buffer for a partial message grows before it takes the full length: a
 * sender cannot make the reader allocate memory merely by claiming a large message in its prefix.
 */
const ROOMS_BYTES = [16 * 1024, 256 * 1024];

/** A message as received. */
export interface RawMessage {
  bytes: Buffer;
  isCompressed: boolean;
}

/**
 * Splits the body of a call into its messages (length-prefixed, as in gRPC over HTTP/2). A message
 * that arrives in one piece is not copied.
 */
export class MessageReader {
  readonly #maxBytes: number;
  /** The bytes received and not yet read. */
  #unread: Buffer = EMPTY;
  /** The buffer for a message that arrives in several pieces, including its prefix. */
  #room: Buffer = EMPTY;
  #gathered = 0;

  /** `maxBytes` limits the size of one message, excluding its prefix. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * The length of the partially received message; undefined if there is none or its prefix is
   * incomplete.
   */
  get awaited(): number | undefined {
    return this.#gathered < PREFIX_BYTES ? undefined : this.#room.readUInt32BE(1);
  }

  /** Whether the message that {@link awaited} refers to is compressed. */
  get isAwaitedCompressed(): boolean {
    return this.#room[0] !== 0;
  }

  /** Accepts a received chunk. Everything before it must have been read. */
  push(chunk: Buffer): void {
    this.#unread = chunk;
  }

  /**
   * The next complete message, if there is one.
   *
   * @throws RangeError if the next message exceeds the limit.
   */
  next(): RawMessage | undefined {
    if (this.#gathered > 0) return this.#gather();
    const unread = this.#unread;
    if (unread.length >= PREFIX_BYTES) {
      const end = PREFIX_BYTES + this.#checked(unread.readUInt32BE(1));
      if (unread.length >= end) {
        // An empty remainder would keep the whole chunk alive until the next one arrives.
        this.#unread = unread.length === end ? EMPTY : unread.subarray(end);
        return { bytes: unread.subarray(PREFIX_BYTES, end), isCompressed: unread[0] !== 0 };
      }
    }
    return unread.length === 0 ? undefined : this.#gather();
  }

  #gather(): RawMessage | undefined {
    if (!this.#fill(PREFIX_BYTES)) return undefined;
    const end = PREFIX_BYTES + this.#checked(this.#room.readUInt32BE(1));
    if (!this.#fill(end)) return undefined;
    const whole = this.#room;
    this.#room = EMPTY;
    this.#gathered = 0;
    return { bytes: whole.subarray(PREFIX_BYTES, end), isCompressed: whole[0] !== 0 };
  }

  /** Moves unread bytes to the current message, up to `end`; returns whether that was reached. */
  #fill(end: number): boolean {
    if (this.#gathered >= end) return true;
    const bytes = Math.min(end - this.#gathered, this.#unread.length);
    const needed = this.#gathered + bytes;
    if (needed > this.#room.length) {
      const room = Math.min(end, ROOMS_BYTES.find((bytes) => bytes >= needed) ?? end);
      const larger = Buffer.allocUnsafeSlow(room);
      this.#room.copy(larger, 0, 0, this.#gathered);
      this.#room = larger;
    }
    this.#unread.copy(this.#room, this.#gathered, 0, bytes);
    this.#unread = this.#unread.length === bytes ? EMPTY : this.#unread.subarray(bytes);
    this.#gathered = needed;
    return needed === end;
  }

  #checked(length: number): number {
    if (length <= this.#maxBytes) return length;
    throw new RangeError(`a message of ${length} bytes, more than ${this.#maxBytes}`);
  }
}

const EMPTY: Buffer = Buffer.alloc(0);
