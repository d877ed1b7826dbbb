import { ByteWriter } from "./byte-writer.js";

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
  write: (writer: ByteWriter, item: T) => void,
): Buffer[] {
  const messages: Buffer[] = [];
  try {
    for (const item of items) {
      if (writer.length > 0 && writer.length + sizeOf(item) > maxBytes) {
        messages.push(writer.take());
      }
      write(writer, item);
    }
    if (writer.length > 0) messages.push(writer.take());
  } catch (error) {
    writer.reset();
    throw error;
  }
  return messages;
}

/** What forwarded metadata takes, at most. */
export function metadataBytes(
  metadata: readonly { key?: string; value?: Uint8Array }[] | undefined,
): number {
  let bytes = 0;
  for (const { key = "", value } of metadata ?? []) {
    bytes += key.length + (value?.length ?? 0) + ENTRY_OVERHEAD_BYTES;
  }
  return bytes;
}

/** Tags and lengths of a metadata entry. */
const ENTRY_OVERHEAD_BYTES = 16;

/** Writes the entries of metadata as the repeated `field`. */
export function writeMetadata(
  writer: ByteWriter,
  field: number,
  metadata: readonly { key?: string; value?: Uint8Array }[] | undefined,
): void {
  for (const { key = "", value } of metadata ?? []) {
    writer.begin(field, key.length + (value?.length ?? 0));
    writer.string(1, key);
    if (value !== undefined) writer.bytes(2, value);
    writer.end();
  }
}
