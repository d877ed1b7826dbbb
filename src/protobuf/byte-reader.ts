import { WireType } from "@bufbuild/protobuf/wire";
import { asBuffer, type KeptBytes } from "../base/bytes.js";

/**
 * Reads one protobuf message, field by field: call {@link next} until it returns 0, and after each
 * call read a value, {@link skip} it, or read a nested message between {@link enter} and
 * {@link leave}. Allocates only the values that it returns, because every request passes through
 * here six times.
 *
 * @throws Error from every method if the bytes are not protobuf.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #end: number;
  /** The wire type of the current field. */
  #type = 0;
  #buffer: Buffer | undefined;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#end = bytes.length;
  }

  /** The number of bytes read so far. */
  get position(): number {
    return this.#at;
  }

  /**
   * Enters the message that is the current field's value. Returns the argument for {@link leave}.
   */
  enter(): number {
    const length = this.uint32();
    const outer = this.#end;
    this.#end = this.#at + this.#checked(length);
    return outer;
  }

  /** Leaves the innermost message, which must have been read to its end. */
  leave(outer: number): void {
    this.#end = outer;
  }

  /**
   * The tag of the next field (field number and wire type, as on the wire); 0 at the end of the
   * message.
   */
  next(): number {
    if (this.#at >= this.#end) return 0;
    const tag = this.uint32();
    this.#type = tag & 7;
    if (tag < 8) throw new Error("invalid field number 0");
    return tag;
  }

  /** A varint, truncated to its lowest 32 bits. */
  uint32(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.#at >= this.#end) throw cut();
      const byte = this.#bytes[this.#at++] as number;
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw tooLong();
  }

  int32(): number {
    return this.uint32() | 0;
  }

  bool(): boolean {
    return this.int64() !== 0;
  }

  /** An int64, rounded where a number cannot represent it exactly. */
  int64(): number {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.#at >= this.#end) throw cut();
      const byte = this.#bytes[this.#at++] as number;
      const bits = byte & 0x7f;
      if (shift < 32) low |= bits << shift;
      if (shift === 28) high = bits >>> 4;
      else if (shift > 28) high |= bits << (shift - 32);
      if (byte < 0x80) return high * 2 ** 32 + (low >>> 0);
    }
    throw tooLong();
  }

  double(): number {
    const at = this.#at;
    this.#advance(8);
    for (let i = 0; i < 8; i += 1) scratch[i] = this.#bytes[at + i] as number;
    return scratchView.getFloat64(0, true);
  }

  /** A view of the bytes. */
  bytes(): Uint8Array {
    const length = this.uint32();
    const at = this.#at;
    this.#advance(length);
    return this.#view(at, length);
  }

  /**
   * The bytes in a form suitable for keeping: short ones as a string, longer ones as a copy, or as
   * a view if they make up most of the memory that it keeps alive.
   */
  bytesToKeep(): KeptBytes {
    const length = this.uint32();
    const at = this.#at;
    this.#advance(length);
    if (length <= MAX_STRING_BYTES) {
      this.#buffer ??= asBuffer(this.#bytes);
      return this.#buffer.toString("latin1", at, at + length);
    }
    if (length * 2 >= this.#bytes.length) return this.#view(at, length);
    return this.#view(at, length).slice();
  }

  /** A view of what has been read since `from`, a {@link position}. */
  since(from: number): Uint8Array {
    return this.#view(from, this.#at - from);
  }

  string(): string {
    const length = this.uint32();
    const at = this.#at;
    this.#advance(length);
    this.#buffer ??= asBuffer(this.#bytes);
    const text = this.#buffer.toString("utf8", at, at + length);
    // Decoding also yields this character for invalid UTF-8, which a string must not contain.
    if (text.includes("\ufffd")) strict.decode(this.#view(at, length));
    return text;
  }

  /** Skips the value of the current field. */
  skip(): void {
    switch (this.#type) {
      case WireType.Varint:
        this.uint32();
        break;
      case WireType.Bit64:
        this.#advance(8);
        break;
      case WireType.LengthDelimited:
        this.#advance(this.uint32());
        break;
      case WireType.Bit32:
        this.#advance(4);
        break;
      default:
        throw new Error(`unsupported wire type ${this.#type}`);
    }
  }

  #advance(bytes: number): void {
    this.#at += this.#checked(bytes);
  }

  #checked(bytes: number): number {
    if (bytes > this.#end - this.#at) throw cut();
    return bytes;
  }

  #view(at: number, length: number): Uint8Array {
    const { buffer, byteOffset } = this.#bytes;
    return new Uint8Array(buffer, byteOffset + at, length);
  }
}

/** Up to this size a string is created faster than a typed array. */
const MAX_STRING_BYTES = 1024;

const scratch = new Uint8Array(8);
const scratchView = new DataView(scratch.buffer);

const strict = new TextDecoder("utf-8", { fatal: true });

function tooLong(): Error {
  return new Error("a varint longer than 10 bytes");
}

function cut(): Error {
  return new Error("truncated message");
}
