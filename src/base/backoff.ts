import type { Random } from "./random.js";

/** The shape of a {@link Backoff}. */
export interface BackoffOptions {
  /** The least delay, in milliseconds. */
  minMs: number;
  /** The most delay, in milliseconds. */
  maxMs: number;
}

/**
 * Delays that grow and are spread by chance, so that many peers that lost the
 * same hub do not come back in step: each delay is drawn between the least one
 * and three times the last ("decorrelated jitter", from the AWS architecture
 * blog, "Exponential Backoff And Jitter", 2015).
 */
export class Backoff {
  #last: number;

  constructor(
    readonly options: BackoffOptions,
    readonly random: Random = Math.random,
  ) {
    this.#last = options.minMs;
  }

  /** The next delay in milliseconds, at most `maxMs` (by default the option's). */
  next(maxMs: number = this.options.maxMs): number {
    const { minMs } = this.options;
    const drawn = minMs + this.random() * (this.#last * 3 - minMs);
    this.#last = Math.min(drawn, maxMs);
    return this.#last;
  }

  /** Starts again from the least delay. */
  reset(): void {
    this.#last = this.options.minMs;
  }
}
