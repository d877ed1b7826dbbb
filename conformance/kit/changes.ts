import type { Clock } from "#base/clock.js";

/**
 * Wakes whoever waits for something in the surroundings of a worker: an event, a
 * stream, the end of a process. They then look for themselves.
 */
export class Changes {
  readonly #clock: Clock;
  readonly #waiting = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Something happened. */
  notify(): void {
    for (const look of [...this.#waiting]) look();
  }

  /**
   * What `look` finds as soon as it finds something; undefined if it finds nothing
   * within `timeoutMs`. What `look` throws is thrown.
   */
  until<T>(look: () => T | undefined, timeoutMs: number): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void): void => {
        this.#waiting.delete(tryIt);
        timer.cancel();
        settle();
      };
      const tryIt = (): void => {
        try {
          const found = look();
          if (found !== undefined) finish(() => resolve(found));
        } catch (error) {
          finish(() => reject(error));
        }
      };
      const timer = this.#clock.setTimer(timeoutMs, () => finish(() => resolve(undefined)));
      this.#waiting.add(tryIt);
      tryIt();
    });
  }
}
