import fc from "fast-check";

/** Anything that can be sent: JSON values without the one key that is refused, and bytes. */
export const data: fc.Arbitrary<unknown> = fc.oneof(
  fc
    .json()
    .filter((json) => !json.includes("__proto__"))
    .map((json): unknown => JSON.parse(json)),
  fc.uint8Array(),
);
