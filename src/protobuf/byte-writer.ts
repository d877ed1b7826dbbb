import type { KeptBytes } from "../base/bytes.js";

// The part of the protobuf wire format that hot messages need:
// https://protobuf.dev/programming-guides/encoding/. protobuf-es writes by reflection, which
// accounted for half the cost of a request.

/**
 * Writes one protobuf message after another into a growing buffer. A `tag` is a field's number and
 * wire type, as on the wire.
 */
export class ByteWriter {
  #buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  #length = 0;
  /** For each open message, the position of its length and the room reserved for it. */
  readonly #open: number[] = [];

  get length(): number {
    return this.#length;
  }

  /** Discards what has been written since the last take. */
  reset(): void {
    this.#length = 0;
    this.#open.length = 0;
  }

  /** Returns what has been written since the last take, to be sent soon. */
  take(): Buffer {
    if (this.#length > MAX_COPIED_BYTES) return this.#handOver();
    const taken = Buffer.allocUnsafe(this.#length);
    this.#moveTo(taken);
    return taken;
  }

  /**
   * Returns what has been written since the last take, for keeping: it shares its memory with
   * nothing else.
   */
  takeToKeep(): Uint8Array {
    const isFull = this.#length * 8 > this.#buffer.length * 7;
    if (this.#length > MAX_COPIED_BYTES && isFull) return this.#handOver();
    const taken = new Uint8Array(this.#length);
    this.#moveTo(taken);
    return taken;
  }

  #handOver(): Buffer {
    const taken = this.#buffer.subarray(0, this.#length);
    this.#buffer = Buffer.allocUnsafe(INITIAL_BYTES);
    this.#length = 0;
    return taken;
  }

  #moveTo(taken: Uint8Array): void {
    if (this.#length > SMALL_BYTES) this.#buffer.copy(taken, 0, 0, this.#length);
    else for (let i = 0; i < this.#length; i += 1) taken[i] = this.#buffer[i] as number;
    this.#length = 0;
    // One large message must not keep the buffer large forever.
    if (this.#buffer.length > MAX_KEPT_BYTES) this.#buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  }

  uint32(tag: number, value: number): void {
    this.#reserve(10);
    this.#varint(tag);
    this.#varint(value);
  }

  /** An int32 or an enum. */
  int32(tag: number, value: number): void {
    this.int64(tag, value);
  }

  bool(tag: number, value: boolean): void {
    this.uint32(tag, value ? 1 : 0);
  }

  /** An integer, truncated to 64 bits. */
  int64(tag: number, value: number): void {
    if (value >= 0 && value < 2 ** 32) return this.uint32(tag, value);
    this.#reserve(15);
    this.#varint(tag);
    let left = BigInt.asUintN(64, BigInt(value));
    for (; left > 0x7fn; left >>= 7n) this.#buffer[this.#length++] = Number(left & 0x7fn) | 0x80;
    this.#buffer[this.#length++] = Number(left);
  }

  double(tag: number, value: number): void {
    this.#reserve(13);
    this.#varint(tag);
    this.#buffer.writeDoubleLE(value, this.#length);
    this.#length += 8;
  }

  /** Fields that are already encoded. */
  raw(fields: Uint8Array): void {
    this.#reserve(fields.length);
    this.#append(fields);
  }

  /** Bytes, or a message that is already encoded. */
  bytes(tag: number, value: KeptBytes): void {
    this.#reserve(10 + value.length);
    this.#varint(tag);
    this.#varint(value.length);
    this.#append(value);
  }

  string(tag: number, value: string): void {
    // UTF-8 takes at most three bytes per UTF-16 unit.
    this.#reserve(10 + value.length * 3);
    if (value.length <= SMALL_BYTES && this.#appendAscii(tag, value)) return;
    this.begin(tag, value.length);
    this.#length += this.#buffer.write(value, this.#length, "utf8");
    this.end();
  }

  /**
   * Reserves about `bytes` bytes: growing in the middle of an item would copy everything written so
   * far.
   */
  reserve(bytes: number): void {
    this.#reserve(bytes + SPARE_BYTES);
  }

  /** Begins a nested message of about `guess` bytes, up to the matching {@link end}. */
  begin(tag: number, guess: number): void {
    this.#begin(tag, varintLength(guess));
  }

  /**
   * Begins a nested message that makes up nearly all of the innermost open one, up to the matching
   * {@link end}.
   */
  beginMost(tag: number): void {
    const open = this.#open;
    this.#begin(tag, open.length === 0 ? 1 : (open[open.length - 1] as number));
  }

  #begin(tag: number, room: number): void {
    this.#reserve(10);
    this.#varint(tag);
    // The length is not known yet: reserve about as much room as it will take.
    this.#open.push(this.#length, room);
    this.#length += room;
  }

  /** Ends the innermost message that {@link begin} opened. */
  end(): void {
    const room = this.#open.pop() as number;
    const at = this.#open.pop() as number;
    const length = this.#length - at - room;
    const shift = varintLength(length) - room;
    if (shift !== 0) {
      this.#reserve(Math.max(0, shift));
      this.#buffer.copyWithin(at + room + shift, at + room, this.#length);
    }
    this.#length = at;
    this.#varint(length);
    this.#length += length;
  }

  #append(bytes: KeptBytes): void {
    if (typeof bytes === "string") this.#buffer.write(bytes, this.#length, "latin1");
    else if (bytes.length > SMALL_BYTES) this.#buffer.set(bytes, this.#length);
    else {
      for (let i = 0; i < bytes.length; i += 1) this.#buffer[this.#length + i] = bytes[i] as number;
    }
    this.#length += bytes.length;
  }

  /** Writes a short string; returns false, with nothing written, if it is not ASCII. */
  #appendAscii(tag: number, text: string): boolean {
    const before = this.#length;
    this.#varint(tag);
    this.#buffer[this.#length++] = text.length;
    for (let i = 0; i < text.length; i += 1) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) {
        this.#length = before;
        return false;
      }
      this.#buffer[this.#length + i] = code;
    }
    this.#length += text.length;
    return true;
  }

  #varint(value: number): void {
    let left = value;
    while (left > 0x7f) {
      this.#buffer[this.#length++] = (left & 0x7f) | 0x80;
      left >>>= 7;
    }
    this.#buffer[this.#length++] = left;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

/** Up to this size a loop beats the overhead of a native call. */
const SMALL_BYTES = 64;

const INITIAL_BYTES = 1024;

/** Anything larger is handed over with its buffer instead of copied. */
const MAX_COPIED_BYTES = 128 * 1024;

/** Slack for size estimates: strings of a few hundred non-ASCII characters. */
const SPARE_BYTES = 2048;

const MAX_KEPT_BYTES = 1024 * 1024;

function varintLength(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
}
