import type { Clock } from "./clock.js";

/**
 * Batches flush requests within a turn of the event loop. A lone request is flushed as soon as the
 * running code returns, without delay; those that follow in the same turn share a second flush at
 * its end.
 */
export class Flusher {
  readonly #clock: Clock;
  readonly #flush: (isTurnOver: boolean) => void;
  /** Whether a flush has been requested. */
  #isWanted = false;
  /** Whether a callback is scheduled for the end of this turn. */
  #isWatched = false;

  /**
   * `flush` receives whether all input that had arrived by the time of the request has been read.
   */
  constructor(clock: Clock, flush: (isTurnOver: boolean) => void) {
    this.#clock = clock;
    this.#flush = flush;
  }

  /** Requests a flush as soon as this turn allows. */
  soon(): void {
    const isFirst = !this.#isWatched;
    this.afterInput();
    if (!isFirst) return;
    this.#clock.soon(() => {
      if (this.#isWanted) this.#run(false);
    });
  }

  /** Requests a flush once all input that has already arrived has been read. */
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
