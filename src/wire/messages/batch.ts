import { ByteWriter } from "../../protobuf/byte-writer.js";

/** A batch is closed at this size; a larger event travels alone. */
export const MAX_BATCH_BYTES: number = 256 * 1024;

/** One for all: what is written is taken before anything else runs. */
const writer = new ByteWriter();

/**
 * Writes `items`, with about the sizes that `sizeOf` tells, into as few messages
 * of at most `maxBytes` as there can be.
 */
export function encodeBatches<T>(
  items: readonly T[],
  maxBytes: number,
  sizeOf: (item: T) => number,
  append: (writer: ByteWriter, item: T) => void,
): Buffer[] {
  const messages: Buffer[] = [];
  try {
    for (const item of items) {
      if (writer.length > 0 && writer.length + sizeOf(item) > maxBytes) {
        messages.push(writer.take());
      }
      append(writer, item);
    }
    if (writer.length > 0) messages.push(writer.take());
  } catch (error) {
    writer.reset();
    throw error;
  }
  return messages;
}
