import type { KeptBytes } from "../../src/base/bytes.js";

/** Returns kept bytes, which may be a string, as bytes. */
export function bytesOf(kept: KeptBytes): Uint8Array {
  return typeof kept === "string" ? Buffer.from(kept, "latin1") : kept;
}
