import type { KeptBytes } from "../../src/base/bytes.js";

/** What is kept, as bytes. */
export function bytesOf(kept: KeptBytes): Uint8Array {
  return typeof kept === "string" ? Buffer.from(kept, "latin1") : kept;
}
