import type { KeptBytes } from "../../src/base/bytes.js";

/** Kept bytes, as bytes. */
export function bytesOf(kept: KeptBytes): Uint8Array {
  return typeof kept === "string" ? Buffer.from(kept, "latin1") : kept;
}
