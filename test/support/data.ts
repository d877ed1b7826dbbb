import fc from "fast-check";

/** Any value that can be sent: JSON values without the one forbidden key, and bytes. */
export const data: fc.Arbitrary<unknown> = fc.oneof(
  fc
    .json()
    .filter((json) => !json.includes("__proto__"))
    .map((json): unknown => JSON.parse(json)),
  fc.uint8Array(),
);
