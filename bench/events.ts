import { delay, systemClock } from "#dist/base/clock.js";
import type { ProgramEvent } from "./program.js";

/** An event, and which of several programs reported it. */
export interface Told extends ProgramEvent {
  by: number;
}

/** Events from several programs, awaited one at a time. */
export class Events {
  #unheard: Told[] = [];
  #wake: () => void = () => {};

  /** Returns the listener for the program named `by`, to be called with each event it reports. */
  from(by: number): (event: ProgramEvent) => void {
    return (event) => {
      this.#unheard.push({ ...event, by });
      this.#wake();
    };
  }

  /**
   * Resolves with the next event of that name for that request, skipping earlier ones; undefined if
   * none arrives within `patienceMs`.
   */
  async next(event: string, id: number, patienceMs: number): Promise<Told | undefined> {
    const patience = new AbortController();
    const tooLate = delay(systemClock, patienceMs, patience.signal).then(() => undefined);
    try {
      return await Promise.race([this.#hear(event, id), tooLate]);
    } finally {
      patience.abort();
    }
  }

  async #hear(event: string, id: number): Promise<Told> {
    for (;;) {
      const found = this.#unheard.findIndex((told) => told.event === event && told.id === id);
      const told = this.#unheard[found];
      if (told !== undefined) {
        this.#unheard.splice(0, found + 1);
        return told;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
