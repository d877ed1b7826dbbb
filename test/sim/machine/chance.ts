/**
 * Seeded random numbers: sfc32 by Chris Doty-Humphrey (PractRand, public domain), with its state
 * filled by {@link mix}. The same seed always yields the same numbers.
 */
export class Chance {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(readonly seed: number) {
    this.#a = mix(seed, 1);
    this.#b = mix(seed, 2);
    this.#c = mix(seed, 3);
    for (let round = 0; round < 8; round += 1) this.next();
  }

  /** A number in [0, 1), like `Math.random`. */
  next(): number {
    const drawn = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + drawn;
    this.#c |= 0;
    return (drawn >>> 0) / 2 ** 32;
  }

  /** A whole number from `min` to `max`, inclusive. */
  int(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  /** True with the given probability. */
  flip(probability: number): boolean {
    return this.next() < probability;
  }

  /** One of `items`. */
  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.int(0, items.length - 1)] as T;
  }

  /** One of `items`; undefined if empty. */
  any<T>(items: readonly T[]): T | undefined {
    return items[this.int(0, items.length - 1)];
  }

  /**
   * A duration that is a multiple of an eighth of a millisecond, which keeps sums of doubles exact.
   */
  span(minMs: number, maxMs: number): number {
    return this.int(minMs * 8, maxMs * 8) / 8;
  }
}

/** Combines two numbers into a seed: the finalizer of MurmurHash3 over both. */
export function mix(seed: number, salt: number): number {
  let hash = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(salt + 0x7f4a7c15, 0x85ebca6b)) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
