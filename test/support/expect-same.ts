import { isDeepStrictEqual } from "node:util";
import { expect } from "vitest";

/**
 * Expects that two values are equal. For the many values of a property test: `toEqual` alone takes
 * ten times as long for bytes.
 */
export function expectSame(actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toEqual(expected);
}
