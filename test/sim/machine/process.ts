import type { Clock, Timer } from "../../../src/base/clock.js";
import { type Entry, Phase, type Timeline } from "./timeline.js";

/**
 * Whether the code of a process awaits promises, which must settle before anything else happens:
 * `first` if they do so before the callbacks of `soon`, `last` if after them.
 */
type Awaits = "never" | "first" | "last";

/**
 * A process with its own event loop, and the clock of the code in it. While it is frozen, its
 * timers and its input wait; when it thaws, timers go first, as in Node.
 */
export class SimProcess implements Clock {
  isDead = false;
  /** Called after a freeze, with its length, before anything else runs. */
  onThaw: (stalledMs: number) => void = () => {};
  readonly #timeline: Timeline;
  readonly #awaits: Awaits;
  readonly #timers = new Set<Entry>();
  /**
   * The callbacks to run after the current code; undefined while no code runs, or while promises
   * that follow from it settle.
   */
  #soon: (() => void)[] | undefined;
  #held: { phase: number; isTimer: boolean; run: () => void }[] = [];
  #frozenSince: number | undefined;
  #frozenUntil = 0;

  constructor(timeline: Timeline, awaits: Awaits = "never") {
    this.#timeline = timeline;
    this.#awaits = awaits;
  }

  get isFrozen(): boolean {
    return this.#frozenSince !== undefined;
  }

  /** Number of timers that have not fired. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#timeline.now;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const fire = (): void => this.#enter(Phase.input, true, fireNow);
    const fireNow = (): void => {
      if (this.#timers.delete(entry)) callback();
    };
    const entry = this.#timeline.add(this.now() + Math.max(0, delayMs), Phase.input, fire);
    this.#timers.add(entry);
    return {
      cancel: () => {
        this.#timers.delete(entry);
        entry.run = undefined;
      },
    };
  }

  soon(callback: () => void): void {
    if (this.#soon !== undefined) this.#soon.push(callback);
    else
      this.#timeline.add(this.now(), Phase.input, () => this.#enter(Phase.input, false, callback));
  }

  afterInput(callback: () => void): void {
    this.#timeline.add(this.now(), Phase.afterInput, () =>
      this.#enter(Phase.afterInput, false, callback),
    );
  }

  /** Delivers input to the process at `at`. */
  input(at: number, read: () => void): void {
    this.#timeline.add(at, Phase.input, () => this.#enter(Phase.input, false, read));
  }

  /** Calls `look` at `at`, once the process has done everything that was due. */
  inspect(at: number, look: () => void): Entry {
    return this.#timeline.add(at, Phase.inspection, () =>
      this.#enter(Phase.inspection, false, look),
    );
  }

  /** Freezes for the given time. */
  freeze(forMs: number): void {
    if (this.isDead) return;
    this.#frozenSince ??= this.now();
    this.#frozenUntil = Math.max(this.#frozenUntil, this.now() + forMs);
    this.#timeline.add(this.#frozenUntil, Phase.input, () => {
      if (this.now() >= this.#frozenUntil) this.thaw();
    });
  }

  /** Ends a freeze at once. */
  thaw(): void {
    if (this.#frozenSince === undefined || this.isDead) return;
    const stalledMs = this.now() - this.#frozenSince;
    this.#frozenSince = undefined;
    this.#frozenUntil = this.now();
    const held = this.#held;
    this.#held = [];
    this.onThaw(stalledMs);
    held.sort((a, b) => a.phase - b.phase || Number(b.isTimer) - Number(a.isTimer));
    for (const { phase, isTimer, run } of held) {
      this.#timeline.add(this.now(), phase, () => this.#enter(phase, isTimer, run));
    }
  }

  /** Kills the process: nothing runs in it after that. */
  die(): void {
    this.isDead = true;
    this.#held = [];
    this.#timers.clear();
  }

  #enter(phase: number, isTimer: boolean, run: () => void): void {
    if (this.isDead) return;
    if (this.isFrozen) return void this.#held.push({ phase, isTimer, run });
    if (this.#awaits !== "never") this.#timeline.mustSettle = true;
    if (this.#awaits === "first") return run();
    this.#soon = [run];
    for (const next of this.#soon) if (!this.isDead) next();
    this.#soon = undefined;
  }
}
