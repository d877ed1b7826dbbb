/**
 * Bytes that are kept for a while: a few as a string with a character for each (latin1).
 * For V8 that is one object; a typed array is three, of 200 bytes.
 */
export type KeptBytes = Uint8Array | string;

/** No bytes. */
export const NO_BYTES: Uint8Array = new Uint8Array();

/** A view of the same bytes as a Buffer, without a copy: grpc-js writes nothing else. */
export function asBuffer(bytes: Uint8Array): Buffer {
  if (bytes instanceof Buffer) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * A view of the same bytes as a plain Uint8Array, without a copy: what is
 * decoded from a Buffer would be Buffers, which have methods of other meaning.
 */
export function asPlainBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
}

/** The parts one after the other; a single one is not copied. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
}
