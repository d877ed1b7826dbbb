/** The size of the prefix of each gRPC message: a compressed flag and the length. */
export const PREFIX_BYTES = 5;

/** The prefix of an uncompressed message. */
export function prefixOf(message: Uint8Array): Buffer {
  return writePrefix(Buffer.allocUnsafe(PREFIX_BYTES), message);
}

/** A message preceded by its prefix. */
export function withPrefix(message: Uint8Array): Buffer {
  const both = writePrefix(Buffer.allocUnsafe(PREFIX_BYTES + message.length), message);
  both.set(message, PREFIX_BYTES);
  return both;
}

function writePrefix(buffer: Buffer, message: Uint8Array): Buffer {
  buffer[0] = 0;
  buffer.writeUInt32BE(message.length, 1);
  return buffer;
}
