/** A worker id whose streams broke with jobs in flight. */
interface Suspect {
  losses: number;
  /** The time until which it gets no job; undefined once that has passed. */
  heldUntil: number | undefined;
  /** The time at which it is forgotten, unless it is held back. */
  clearAt: number;
  /**
   * Whether the hub may have counted fewer losses, because it may have forgotten this worker id
   * just before a further one.
   */
  isUnclear: boolean;
}

const LOSSES = 3;
const WINDOW_MS = 10_000;
const MIN_HOLD_MS = 1000;
const MAX_HOLD_MS = 30_000;

/**
 * The worker ids that must be held back for losing one job after another, as docs/protocol.md 10.1
 * defines it.
 */
export class CrashLoops {
  readonly #suspects = new Map<string, Suspect>();

  /**
   * Records that a stream of `workerId` broke with jobs in flight. `isSure`: whether the hub must
   * count that as a loss.
   */
  lost(workerId: string, now: number, isSure: boolean): void {
    const suspect = this.#suspects.get(workerId) ?? {
      losses: 0,
      heldUntil: undefined,
      clearAt: now,
      isUnclear: false,
    };
    this.#suspects.set(workerId, suspect);
    const isPast = suspect.losses > 0 && suspect.heldUntil === undefined && suspect.clearAt <= now;
    suspect.isUnclear ||= isPast || !isSure;
    suspect.losses += 1;
    const further = suspect.losses - LOSSES;
    if (further < 0) suspect.clearAt = now + WINDOW_MS;
    else suspect.heldUntil = now + Math.min(MIN_HOLD_MS * 2 ** further, MAX_HOLD_MS);
  }

  /** Called when the hub does what is due. */
  wake(now: number): void {
    for (const [workerId, suspect] of this.#suspects) {
      if (suspect.heldUntil !== undefined) {
        if (suspect.heldUntil > now) continue;
        suspect.heldUntil = undefined;
        suspect.clearAt = now + WINDOW_MS;
      } else if (suspect.clearAt <= now) this.#suspects.delete(workerId);
    }
  }

  /**
   * The time until which `workerId` is held back; 0 if it is not, undefined if that is unknowable.
   */
  heldUntil(workerId: string): number | undefined {
    const suspect = this.#suspects.get(workerId);
    if (suspect?.isUnclear) return undefined;
    return suspect?.heldUntil ?? 0;
  }
}
