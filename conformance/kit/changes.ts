import type { Clock } from "#base/clock.js";

/**
 * Lets code wait for a condition on the worker's events, streams or process: after each change,
 * every waiter rechecks its own condition.
 */
export class Changes {
  readonly #clock: Clock;
  readonly #waiting = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Reports a change, so every waiter rechecks its condition. */
  notify(): void {
    for (const check of [...this.#waiting]) check();
  }

  /**
   * Resolves with the first value that `probe` returns other than undefined, or with
   * undefined after `timeoutMs`. Rejects with what `probe` throws.
   */
  waitFor<T>(probe: () => T | undefined, timeoutMs: number): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void): void => {
        this.#waiting.delete(check);
        timer.cancel();
        settle();
      };
      const check = (): void => {
        try {
          const found = probe();
          if (found !== undefined) finish(() => resolve(found));
        } catch (error) {
          finish(() => reject(error));
        }
      };
      const timer = this.#clock.setTimer(timeoutMs, () => finish(() => resolve(undefined)));
      this.#waiting.add(check);
      check();
    });
  }
}
