import { PREFIX_BYTES } from "./message-prefix.js";

/**
 * A message that has not arrived whole gets room for so many bytes, then for so many,
 * then for all of it: what a prefix claims costs its sender nothing.
 */
const ROOMS_BYTES = [16 * 1024, 256 * 1024];

/** A message as it arrived. */
export interface RawMessage {
  bytes: Buffer;
  isCompressed: boolean;
}

/**
 * Cuts the body of a call into its messages (length-prefixed, as in gRPC over
 * HTTP/2). A message that arrives in one piece is not copied.
 */
export class MessageReader {
  readonly #maxBytes: number;
  /** What has arrived and was not read. */
  #unread: Buffer = EMPTY;
  /** Where the message at hand is gathered that arrives in several pieces: prefix and all. */
  #room: Buffer = EMPTY;
  #gathered = 0;

  /** `maxBytes`: of a message, without its prefix. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The length of the message that has begun to arrive, if that is known and it is not there yet. */
  get awaited(): number | undefined {
    return this.#gathered < PREFIX_BYTES ? undefined : this.#room.readUInt32BE(1);
  }

  /** Whether the message that {@link awaited} tells of is compressed. */
  get isAwaitedCompressed(): boolean {
    return this.#room[0] !== 0;
  }

  /** Takes in what has arrived. What came before must have been read. */
  push(chunk: Buffer): void {
    this.#unread = chunk;
  }

  /**
   * The next message that has arrived whole, if there is one.
   *
   * @throws RangeError if the next message is longer than it may be.
   */
  next(): RawMessage | undefined {
    if (this.#gathered > 0) return this.#gather();
    const unread = this.#unread;
    if (unread.length >= PREFIX_BYTES) {
      const end = PREFIX_BYTES + this.#checked(unread.readUInt32BE(1));
      if (unread.length >= end) {
        // An empty rest would keep the whole chunk alive until the next one comes.
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

  /** Moves what is unread to the message at hand, up to `end`; returns whether all of that is there. */
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
