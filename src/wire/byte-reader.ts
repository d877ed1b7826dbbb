import { WireType } from "./wire-type.js";

/**
 * Reads one protobuf message, field by field: {@link next} until it is false, then
 * a value or {@link skip}.
 *
 * @throws Error from every method if the bytes are no protobuf.
 */
export class ByteReader {
  /** The number of the field that was read last. */
  field = 0;
  /** Its wire type. */
  type = 0;
  readonly #buffer: Buffer;
  #at: number;
  readonly #end: number;

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#at = 0;
    this.#end = bytes.length;
  }

  /** How many bytes were read. */
  get position(): number {
    return this.#at;
  }

  /** Goes on to the next field; false at the end. */
  next(): boolean {
    if (this.#at >= this.#end) return false;
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
      const byte = this.#buffer[this.#at++] as number;
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw new Error("a varint of more than 10 bytes");
  }

  double(): number {
    const at = this.#at;
    this.#advance(8);
    return this.#buffer.readDoubleLE(at);
  }

  /** A view of the bytes, no copy. */
  bytes(): Uint8Array {
    const length = this.uint32();
    const at = this.#at;
    this.#advance(length);
    const { buffer, byteOffset } = this.#buffer;
    return new Uint8Array(buffer, byteOffset + at, length);
  }

  string(): string {
    const length = this.uint32();
    const at = this.#at;
    this.#advance(length);
    const text = this.#buffer.toString("utf8", at, at + length);
    // Also what stands for bytes that are no UTF-8, which a string must not have.
    if (text.includes("\ufffd")) strict.decode(this.#buffer.subarray(at, at + length));
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
    if (bytes > this.#end - this.#at) throw cut();
    this.#at += bytes;
  }
}

const strict = new TextDecoder("utf-8", { fatal: true });

function cut(): Error {
  return new Error("a message that was cut");
}
