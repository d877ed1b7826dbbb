import type { Random } from "./random.js";

/** The shape of a {@link Backoff}. */
export interface BackoffOptions {
  /** The minimum delay, in milliseconds. */
  minMs: number;
  /** The maximum delay, in milliseconds. */
  maxMs: number;
}

/**
 * Growing delays with jitter, so that peers that lost the same hub do not reconnect in step: each
 * delay is drawn between the minimum and three times the previous one ("decorrelated jitter", from
 * the AWS architecture blog, "Exponential Backoff And Jitter", 2015).
 */
export class Backoff {
  #last: number;

  constructor(
    readonly options: BackoffOptions,
    readonly random: Random = Math.random,
  ) {
    this.#last = options.minMs;
  }

  /** Returns the next delay in milliseconds, at most `maxMs` (default: the option's). */
  next(maxMs: number = this.options.maxMs): number {
    const { minMs } = this.options;
    const drawn = minMs + this.random() * (this.#last * 3 - minMs);
    this.#last = Math.min(drawn, maxMs);
    return this.#last;
  }

  /** Starts again from the minimum delay. */
  reset(): void {
    this.#last = this.options.minMs;
  }
}
