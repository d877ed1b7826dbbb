import type { KeptBytes } from "./bytes.js";
import { WireType } from "./wire-type.js";

// The protobuf wire format, as far as the messages need it that each request
// causes: https://protobuf.dev/programming-guides/encoding/. protobuf-es writes
// by reflection, which took half of the time that a request costs.

const { VARINT, FIXED64, LENGTH_DELIMITED } = WireType;

/** Writes one protobuf message after another into a buffer that grows. Fields below 16 only. */
export class ByteWriter {
  #buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  #length = 0;
  /** Where the lengths of the messages stand that were begun, and how much room they have. */
  readonly #open: number[] = [];

  get length(): number {
    return this.#length;
  }

  /** Forgets what was written since the last time. */
  reset(): void {
    this.#length = 0;
    this.#open.length = 0;
  }

  /** What was written since the last time, to be sent soon. */
  take(): Buffer {
    if (this.#length > MAX_COPIED_BYTES) return this.#handOver();
    const taken = Buffer.allocUnsafe(this.#length);
    this.#moveTo(taken);
    return taken;
  }

  /** What was written since the last time, to be kept: shares its memory with nothing. */
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
    // One large message is no reason to keep its size for ever.
    if (this.#buffer.length > MAX_KEPT_BYTES) this.#buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  }

  /** A uint32, int32 that is not negative, bool or enum; zero is not written. */
  uint32(field: number, value: number): void {
    if (value !== 0) this.presentUint32(field, value);
  }

  /** A uint32 with presence. */
  presentUint32(field: number, value: number): void {
    this.#reserve(6);
    this.#buffer[this.#length++] = (field << 3) | VARINT;
    this.#varint(value);
  }

  /** A double; zero is not written, but negative zero is. */
  double(field: number, value: number): void {
    if (!Object.is(value, 0)) this.presentDouble(field, value);
  }

  /** A double with presence. */
  presentDouble(field: number, value: number): void {
    this.#reserve(9);
    this.#buffer[this.#length++] = (field << 3) | FIXED64;
    this.#buffer.writeDoubleLE(value, this.#length);
    this.#length += 8;
  }

  /** Fields that are encoded already. */
  raw(fields: Uint8Array): void {
    this.#reserve(fields.length);
    this.#append(fields);
  }

  /** Bytes; none are not written. */
  bytes(field: number, value: KeptBytes): void {
    if (value.length > 0) this.presentBytes(field, value);
  }

  /** Bytes with presence, or a message that is encoded already. */
  presentBytes(field: number, value: KeptBytes): void {
    this.#reserve(6 + value.length);
    this.#buffer[this.#length++] = (field << 3) | LENGTH_DELIMITED;
    this.#varint(value.length);
    this.#append(value);
  }

  /** A string; an empty one is not written. */
  string(field: number, value: string): void {
    if (value !== "") this.presentString(field, value);
  }

  /** A string with presence. */
  presentString(field: number, value: string): void {
    this.begin(field, value.length);
    // UTF-8 has at most three bytes for a UTF-16 unit.
    this.#reserve(value.length * 3);
    if (!this.#appendAscii(value)) this.#length += this.#buffer.write(value, this.#length, "utf8");
    this.end();
  }

  /** Has room for an item with so much in bytes and strings: to grow in its midst would copy it. */
  reserve(bytes: number, utf16Units: number): void {
    this.#reserve(bytes + 3 * utf16Units + MAX_OTHER_BYTES);
  }

  /** Begins a message within the message, of about `guess` bytes; until {@link end}. */
  begin(field: number, guess: number): void {
    this.#reserve(6);
    this.#buffer[this.#length++] = (field << 3) | LENGTH_DELIMITED;
    // Its length is not known yet, only about how much room that will take.
    const room = varintLength(guess);
    this.#open.push(this.#length, room);
    this.#length += room;
  }

  /** Ends what {@link begin} began last. */
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

  /** Returns false, with nothing written, for what is not short or not ASCII. */
  #appendAscii(text: string): boolean {
    if (text.length > SMALL_BYTES) return false;
    for (let i = 0; i < text.length; i += 1) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) return false;
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

/** Up to here a loop is done before a call has begun. */
const SMALL_BYTES = 64;

const INITIAL_BYTES = 1024;

/** What is larger is handed over with its buffer. */
const MAX_COPIED_BYTES = 128 * 1024;

/** Tags, lengths and numbers of an item. */
const MAX_OTHER_BYTES = 128;

const MAX_KEPT_BYTES = 1024 * 1024;

function varintLength(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
}
