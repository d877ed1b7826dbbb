import type { Clock } from "./clock.js";

/**
 * Runs one flush for all that asks for it in a turn of the event loop. What comes
 * alone is flushed as soon as the code at hand is through, and waits for nothing;
 * what follows in the same turn shares a second flush at its end.
 */
export class Flusher {
  readonly #clock: Clock;
  readonly #flush: (isTurnOver: boolean) => void;
  /** Whether somebody waits for a flush. */
  #isWanted = false;
  /** Whether the end of this turn is watched: its first flush is over, or under way. */
  #isWatched = false;

  /** `flush` is told whether all input was read that had arrived when it was asked for. */
  constructor(clock: Clock, flush: (isTurnOver: boolean) => void) {
    this.#clock = clock;
    this.#flush = flush;
  }

  /** Has it flushed as soon as this turn allows. */
  soon(): void {
    const isFirst = !this.#isWatched;
    this.afterInput();
    if (!isFirst) return;
    this.#clock.soon(() => {
      if (this.#isWanted) this.#run(false);
    });
  }

  /** Has it flushed when the input was read that has already arrived. */
  afterInput(): void {
    this.#isWanted = true;
    if (this.#isWatched) return;
    this.#isWatched = true;
    this.#clock.afterInput(() => {
      this.#isWatched = false;
      if (this.#isWanted) this.#run(true);
    });
  }

  #run(isTurnOver: boolean): void {
    this.#isWanted = false;
    this.#flush(isTurnOver);
  }
}
