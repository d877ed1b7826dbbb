import type { Timed } from "../../../base/containers/timer-heap.js";
import { CRASH_LOOP } from "../limits.js";

/** A worker id that lost a job not long ago. */
export class Suspect implements Timed {
  readonly timed = "suspect";
  losses = 0;
  isHeldBack = false;
  heapIndex = -1;

  constructor(readonly workerId: string) {}
}

/**
 * Worker ids whose streams break one after another with jobs on them: the third
 * time, and each time after it, their credit is held back, for twice as long as
 * before. A while without a loss clears them.
 */
export class CrashLoops {
  readonly #suspects = new Map<string, Suspect>();

  get size(): number {
    return this.#suspects.size;
  }

  /** Whether `workerId` gets no job for now. */
  isHeldBack(workerId: string): boolean {
    return this.#suspects.get(workerId)?.isHeldBack ?? false;
  }

  /** `workerId` lost a job. Returns who is suspected, and for how long {@link expire} must wait. */
  lost(workerId: string): { suspect: Suspect; forMs: number } {
    const suspect = this.#suspects.get(workerId) ?? new Suspect(workerId);
    this.#suspects.set(workerId, suspect);
    suspect.losses += 1;
    const further = suspect.losses - CRASH_LOOP.losses;
    if (further < 0) return { suspect, forMs: CRASH_LOOP.windowMs };
    suspect.isHeldBack = true;
    return { suspect, forMs: Math.min(CRASH_LOOP.minHoldMs * 2 ** further, CRASH_LOOP.maxHoldMs) };
  }

  /** The time is over: whoever was held back has one more window to prove itself, others are cleared. */
  expire(suspect: Suspect): { forMs: number } | undefined {
    if (suspect.isHeldBack) {
      suspect.isHeldBack = false;
      return { forMs: CRASH_LOOP.windowMs };
    }
    this.#suspects.delete(suspect.workerId);
    return undefined;
  }
}
