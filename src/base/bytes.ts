/**
 * Bytes that are kept for some time, short ones as a latin1 string with one character per byte. In
 * V8 a string is one object; a typed array is three, 200 bytes in all.
 */
export type KeptBytes = Uint8Array | string;

/** An empty byte array. */
export const NO_BYTES: Uint8Array = new Uint8Array();

/** A Buffer view of the same memory, because grpc-js writes only Buffers. */
export function asBuffer(bytes: Uint8Array): Buffer {
  if (bytes instanceof Buffer) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * A plain Uint8Array view of the same memory: decoding from a Buffer would yield Buffers, some of
 * whose methods behave differently.
 */
export function asPlainBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
}

/** The concatenated parts; a single part is returned without a copy. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
}
