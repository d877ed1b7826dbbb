import { ByteWriter } from "../../protobuf/byte-writer.js";

/** The maximum size of a batch; a larger event is sent alone. */
export const MAX_BATCH_BYTES: number = 256 * 1024;

/** Shared: its content is always taken before any other code runs. */
const writer = new ByteWriter();

/**
 * Writes `items`, whose approximate sizes `sizeOf` returns, into as few messages of at most
 * `maxBytes` as possible.
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
