/** Wakes the one loop that waits for something to change. A wake that comes while it does not wait is kept. */
export class Wakeup {
  #state: { kind: "idle" | "woken" } | { kind: "waiting"; resume(): void } = { kind: "idle" };

  wake(): void {
    const state = this.#state;
    this.#state = { kind: state.kind === "waiting" ? "idle" : "woken" };
    if (state.kind === "waiting") state.resume();
  }

  /** Resolves with the next wake, or at once if one came since the last wait. */
  wait(): Promise<void> {
    if (this.#state.kind === "woken") {
      this.#state = { kind: "idle" };
      return Promise.resolve();
    }
    return new Promise((resume) => {
      this.#state = { kind: "waiting", resume };
    });
  }
}
