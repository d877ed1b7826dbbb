/** What the workers of a case report, and what they wait for. */
export class Cues {
  readonly #counts = { taken: 0, cancelled: 0 };
  readonly #waiting = new Set<() => void>();
  #held: (() => void)[] = [];

  /** A job has been taken, or its cancel has arrived. */
  add(what: "taken" | "cancelled"): void {
    this.#counts[what] += 1;
    for (const look of [...this.#waiting]) look();
  }

  /** The number of jobs taken so far. */
  get jobs(): number {
    return this.#counts.taken;
  }

  /** Waits until that has happened `count` times. */
  reached(what: "taken" | "cancelled", count: number): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.#counts[what] < count) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** Calls back at the next `release`. */
  onRelease(go: () => void): void {
    this.#held.push(go);
  }

  release(): void {
    const held = this.#held;
    this.#held = [];
    for (const go of held) go();
  }
}
