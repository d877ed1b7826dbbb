/**
 * The original's model: squares a number, blocking its process while it does so. Null is a warm-up.
 */
export default class Model {
  readonly #blockMs: number;

  constructor(blockMs: number) {
    this.#blockMs = blockMs;
  }

  call(x: number | null): number | null {
    if (x === null) return null;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, this.#blockMs);
    return x ** 2;
  }
}
