import { randomBytes } from "node:crypto";

/** Randomness as a dependency: returns a number in [0, 1), like `Math.random`. */
export type Random = () => number;

/** A unique id: 96 random bits as 24 hexadecimal digits. */
export function randomId(): string {
  return randomBytes(12).toString("hex");
}

/** 128 random bits that identify a worker, known only to it and its hub. */
export function randomInstanceId(): Uint8Array {
  return new Uint8Array(randomBytes(16));
}
