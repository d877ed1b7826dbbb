import type { Clock, Timer } from "../../base/clock.js";

/** Detects a peer that has been silent for too long. */
export class SilenceWatch {
  readonly #clock: Clock;
  readonly #patienceMs: number;
  readonly #onSilent: (why: string) => void;
  #lastHeardAt: number;
  #dueAt: number;
  /** Undefined once stopped. */
  #timer: Timer | undefined;

  /** Calls `onSilent` once if nothing is heard for `patienceMs`. */
  constructor(clock: Clock, patienceMs: number, onSilent: (why: string) => void) {
    this.#clock = clock;
    this.#patienceMs = patienceMs;
    this.#onSilent = onSilent;
    this.#lastHeardAt = clock.now();
    this.#dueAt = this.#lastHeardAt + patienceMs;
    this.#timer = clock.setTimer(patienceMs, () => this.#judge());
  }

  /** Records that the peer has sent something. */
  heard(): void {
    this.#lastHeardAt = this.#clock.now();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Reports silence, unless it was this process that was suspended or not reading. */
  #judge(): void {
    this.#clock.afterInput(() => {
      if (this.#timer === undefined) return;
      const now = this.#clock.now();
      const lateMs = Math.max(0, now - this.#dueAt);
      this.#lastHeardAt = Math.min(now, this.#lastHeardAt + lateMs);
      const leftMs = this.#lastHeardAt + this.#patienceMs - now;
      if (leftMs <= 0) return this.#onSilent(`the hub was silent for ${this.#patienceMs} ms`);
      this.#dueAt = now + leftMs;
      this.#timer = this.#clock.setTimer(leftMs, () => this.#judge());
    });
  }
}
