import type { MetadataEntry } from "../../gen/gibbs/v1/worker_codec.js";

export type { MetadataEntry } from "../../gen/gibbs/v1/worker_codec.js";

/** Tags and lengths of an entry. */
const ENTRY_OVERHEAD_BYTES = 16;

/** A caller's metadata, already checked, with its keys lower-cased as gRPC requires. */
export function toMetadataEntries(
  metadata: Readonly<Record<string, string | Uint8Array>> = {},
): MetadataEntry[] {
  return Object.entries(metadata).map(([key, value]) => ({
    key: key.toLowerCase(),
    value: Buffer.from(value),
  }));
}

/** The most bytes that the entries can take on the wire. */
export function metadataBytes(metadata: readonly MetadataEntry[]): number {
  let bytes = 0;
  for (const { key, value } of metadata) bytes += key.length + value.length + ENTRY_OVERHEAD_BYTES;
  return bytes;
}
