/** What a worker computes in, with room for one job, or for several that are run together. */
export class Slot {
  /** Its jobs that are in flight: it is free while it has none, and busy otherwise. */
  jobs = 0;
  /** While it is free: the next one that is. Belongs to the ledger. */
  nextFree: Slot | undefined;
}

/**
 * The slots of one worker, free and busy. They are made when they are first taken, and used
 * again and again. Free ones are alike, so how many of them the worker has offered is a number.
 */
export class SlotLedger {
  /** How many slots the worker may have. */
  capacity = 0;
  /** Free slots that the worker has offered. */
  credit = 0;
  busy = 0;
  /** The first of the free slots that were busy before. */
  free: Slot | undefined;

  /** The worker offers `count` more. Returns how many of those are beyond its capacity. */
  offer(count: number): number {
    const added = Math.min(count, this.capacity - this.credit - this.busy);
    this.credit += added;
    return count - added;
  }

  /** Takes a slot that is offered, for one job. */
  take(): Slot {
    const slot = this.free ?? new Slot();
    this.free = slot.nextFree;
    slot.nextFree = undefined;
    slot.jobs = 1;
    this.credit -= 1;
    this.busy += 1;
    return slot;
  }

  /** A job of `slot` is over. Once all of them are, the slot is free, and the worker may offer it. */
  leave(slot: Slot): void {
    slot.jobs -= 1;
    if (slot.jobs > 0) return;
    this.busy -= 1;
    slot.nextFree = this.free;
    this.free = slot;
  }

  /** What is offered is not offered any more. */
  withdraw(): void {
    this.credit = 0;
  }
}
