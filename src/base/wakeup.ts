/**
 * Wakes a single loop that waits for a change. A wake that arrives while it is not waiting is kept.
 */
export class Wakeup {
  #state: { kind: "idle" | "woken" } | { kind: "waiting"; resume(): void } = { kind: "idle" };

  wake(): void {
    const state = this.#state;
    this.#state = { kind: state.kind === "waiting" ? "idle" : "woken" };
    if (state.kind === "waiting") state.resume();
  }

  /** Resolves on the next wake, or immediately if there was one since the last wait. */
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
