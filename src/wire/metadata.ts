import type { ByteReader } from "./byte-reader.js";
import type { ByteWriter } from "./byte-writer.js";
import { WireType } from "./wire-type.js";

/** A `gibbs.v1.MetadataEntry`. */
export interface MetadataEntry {
  key: string;
  value: Uint8Array;
}

/** As what is encoded may be given: protobuf-es lets fields be left out. */
type EntryInit = Partial<MetadataEntry>;

/** Tags and lengths of an entry. */
const ENTRY_OVERHEAD_BYTES = 16;

/** What a caller gave as metadata, checked before, with its keys as gRPC has them. */
export function toMetadataEntries(
  metadata: Readonly<Record<string, string | Uint8Array>> = {},
): MetadataEntry[] {
  return Object.entries(metadata).map(([key, value]) => ({
    key: key.toLowerCase(),
    value: Buffer.from(value),
  }));
}

/** What entries take on the wire, at most. */
export function metadataBytes(metadata: readonly EntryInit[] = []): number {
  let bytes = 0;
  for (const { key = "", value } of metadata) {
    bytes += key.length + (value?.length ?? 0) + ENTRY_OVERHEAD_BYTES;
  }
  return bytes;
}

/** Writes entries as the repeated `field`. */
export function writeMetadata(
  writer: ByteWriter,
  field: number,
  metadata: readonly EntryInit[] = [],
): void {
  for (const { key = "", value } of metadata) {
    writer.begin(field, key.length + (value?.length ?? 0));
    writer.string(1, key);
    if (value !== undefined) writer.bytes(2, value);
    writer.end();
  }
}

/** Reads the entry that is the field's value. */
export function readMetadataEntry(reader: ByteReader): MetadataEntry {
  const entry: MetadataEntry = { key: "", value: new Uint8Array() };
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.is(1, WireType.LENGTH_DELIMITED)) entry.key = reader.string();
    else if (reader.is(2, WireType.LENGTH_DELIMITED)) entry.value = reader.bytes().slice();
    else reader.skip();
  }
  reader.leave(outer);
  return entry;
}
