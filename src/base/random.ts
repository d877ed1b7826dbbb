import { randomBytes } from "node:crypto";

/** Chance as a dependency: a number in [0, 1), as `Math.random`. */
export type Random = () => number;

/** A name that nobody else has: 96 bit, in 24 hexadecimal digits. */
export function randomId(): string {
  return randomBytes(12).toString("hex");
}

/** 128 bits that name a worker to its hub, and to nobody else. */
export function randomInstanceId(): Uint8Array {
  return new Uint8Array(randomBytes(16));
}
