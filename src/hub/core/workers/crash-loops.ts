import type { Timed } from "../../../base/containers/timer-heap.js";
import { CRASH_LOOP } from "../limits.js";

/** A worker id that recently lost a job. */
export class Suspect implements Timed {
  readonly timed = "suspect";
  losses = 0;
  isHeldBack = false;
  heapIndex = -1;

  constructor(readonly workerId: string) {}
}

/**
 * Worker ids whose streams keep breaking with jobs on them: from the third break on, each one
 * withholds their credit for twice as long as the last. An id that loses nothing for some time is
 * cleared.
 */
export class CrashLoops {
  readonly #suspects = new Map<string, Suspect>();

  get size(): number {
    return this.#suspects.size;
  }

  /** Whether `workerId` gets no jobs for now. */
  isHeldBack(workerId: string): boolean {
    return this.#suspects.get(workerId)?.isHeldBack ?? false;
  }

  /**
   * Records that `workerId` lost a job. Returns the suspect, and after how many milliseconds to
   * call {@link expire} for it.
   */
  lost(workerId: string): { suspect: Suspect; forMs: number } {
    const suspect = this.#suspects.get(workerId) ?? new Suspect(workerId);
    this.#suspects.set(workerId, suspect);
    suspect.losses += 1;
    const further = suspect.losses - CRASH_LOOP.losses;
    if (further < 0) return { suspect, forMs: CRASH_LOOP.windowMs };
    suspect.isHeldBack = true;
    return { suspect, forMs: Math.min(CRASH_LOOP.minHoldMs * 2 ** further, CRASH_LOOP.maxHoldMs) };
  }

  /**
   * Ends a hold and returns the length of the probation that follows, or clears a suspect that is
   * not held back.
   */
  expire(suspect: Suspect): { forMs: number } | undefined {
    if (suspect.isHeldBack) {
      suspect.isHeldBack = false;
      return { forMs: CRASH_LOOP.windowMs };
    }
    this.#suspects.delete(suspect.workerId);
    return undefined;
  }
}
