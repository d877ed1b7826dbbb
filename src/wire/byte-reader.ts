import { asBuffer, type KeptBytes } from "./bytes.js";
import { WireType } from "./wire-type.js";

/**
 * Reads one protobuf message, field by field: {@link next} until it is false, after
 * each a value, {@link skip}, or the message within between {@link enter} and
 * {@link leave}. It makes no objects of its own: every request passes here six times.
 *
 * @throws Error from every method if the bytes are no protobuf.
 */
export class ByteReader {
  /** The number of the field that was read last. */
  field = 0;
  /** Its wire type. */
  type = 0;
  readonly #bytes: Uint8Array;
  #at = 0;
  #end: number;
  #buffer: Buffer | undefined;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#end = bytes.length;
  }

  /** How many bytes were read. */
  get position(): number {
    return this.#at;
  }

  /** Whether nothing is left of the message that was entered last. */
  get isAtEnd(): boolean {
    return this.#at >= this.#end;
  }

  /** Goes into the message that is the field's value. Returns what {@link leave} needs. */
  enter(): number {
    const length = this.uint32();
    const outer = this.#end;
    this.#end = this.#at + this.#checked(length);
    return outer;
  }

  /** Goes on behind the message that was entered last. */
  leave(outer: number): void {
    this.#at = this.#end;
    this.#end = outer;
  }

  /** A view of the whole message that was entered last, which began at `from`; all of it counts as read. */
  whole(from: number): Uint8Array {
    this.#at = this.#end;
    return this.#view(from, this.#end - from);
  }

  /** Goes on to the next field; false at the end. */
  next(): boolean {
    if (this.isAtEnd) return false;
    const tag = this.uint32();
    this.field = tag >>> 3;
    this.type = tag & 7;
    if (this.field === 0) throw new Error("a field with the number 0");
    return true;
  }

  /** Whether the field that was read last is this one, of this type. */
  is(field: number, type: number): boolean {
    return this.field === field && this.type === type;
  }

  /** A varint, of which the lowest 32 bits count. */
  uint32(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.#at >= this.#end) throw cut();
      const byte = this.#bytes[this.#at++] as number;
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw new Error("a varint of more than 10 bytes");
  }

  double(): number {
    const at = this.#at;
    this.#advance(8);
    for (let i = 0; i < 8; i += 1) scratch[i] = this.#bytes[at + i] as number;
    return scratchView.getFloat64(0, true);
  }

  /** A view of the bytes, no copy. */
  bytes(): Uint8Array {
    const length = this.uint32();
    const at = this.#at;
    this.#advance(length);
    return this.#view(at, length);
  }

  /** The bytes to be kept: a few as a string, else a copy, or a view if they are most of what it keeps alive. */
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

  string(): string {
    const length = this.uint32();
    const at = this.#at;
    this.#advance(length);
    this.#buffer ??= asBuffer(this.#bytes);
    const text = this.#buffer.toString("utf8", at, at + length);
    // Also what stands for bytes that are no UTF-8, which a string must not have.
    if (text.includes("\ufffd")) strict.decode(this.#view(at, length));
    return text;
  }

  /** Passes over the value of the field that was read last. */
  skip(): void {
    switch (this.type) {
      case WireType.VARINT:
        this.uint32();
        break;
      case WireType.FIXED64:
        this.#advance(8);
        break;
      case WireType.LENGTH_DELIMITED:
        this.#advance(this.uint32());
        break;
      case WireType.FIXED32:
        this.#advance(4);
        break;
      default:
        throw new Error(`the wire type ${this.type}`);
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

/** Up to here a string is made sooner than a typed array. */
const MAX_STRING_BYTES = 1024;

const scratch = new Uint8Array(8);
const scratchView = new DataView(scratch.buffer);

const strict = new TextDecoder("utf-8", { fatal: true });

function cut(): Error {
  return new Error("a message that was cut");
}
