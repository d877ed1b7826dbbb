import type { MetadataEntry } from "../../gen/gibbs/v1/worker_codec.js";

export type { MetadataEntry } from "../../gen/gibbs/v1/worker_codec.js";

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
export function metadataBytes(metadata: readonly MetadataEntry[]): number {
  let bytes = 0;
  for (const { key, value } of metadata) bytes += key.length + value.length + ENTRY_OVERHEAD_BYTES;
  return bytes;
}
