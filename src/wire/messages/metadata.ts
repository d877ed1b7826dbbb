import type { MetadataEntry } from "../../gen/gibbs/v1/worker_codec.js";

export type { MetadataEntry } from "../../gen/gibbs/v1/worker_codec.js";

/** The size of an entry's tags and lengths. */
const ENTRY_OVERHEAD_BYTES = 16;

/** Converts a caller's metadata, already checked, with its keys lowercased as gRPC requires. */
export function toMetadataEntries(
  metadata: Readonly<Record<string, string | Uint8Array>> = {},
): MetadataEntry[] {
  return Object.entries(metadata).map(([key, value]) => ({
    key: key.toLowerCase(),
    value: Buffer.from(value),
  }));
}

/** The maximum size of the entries on the wire. */
export function metadataBytes(metadata: readonly MetadataEntry[]): number {
  let bytes = 0;
  for (const { key, value } of metadata) bytes += key.length + value.length + ENTRY_OVERHEAD_BYTES;
  return bytes;
}
