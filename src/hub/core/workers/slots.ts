/** A place in a worker for one job, or for several that run together. */
export class Slot {
  /** Its jobs in flight: it is free while it has none, and busy otherwise. */
  jobs = 0;
  /** The next free slot, while this one is free. Owned by the ledger. */
  nextFree: Slot | undefined;
}

/**
 * The slots of one worker, free and busy. They are created on first use, then reused. Free ones are
 * interchangeable, so those that the worker has offered are only counted.
 */
export class SlotLedger {
  /** How many slots the worker may have. */
  capacity = 0;
  /** Free slots that the worker has offered. */
  credit = 0;
  busy = 0;
  /** The first of the free slots that have been used before. */
  free: Slot | undefined;

  /** The worker offers `count` more. Returns how many of them exceed its capacity. */
  offer(count: number): number {
    const added = Math.min(count, this.capacity - this.credit - this.busy);
    this.credit += added;
    return count - added;
  }

  /** Takes an offered slot for one job. */
  take(): Slot {
    const slot = this.free ?? new Slot();
    this.free = slot.nextFree;
    slot.nextFree = undefined;
    slot.jobs = 1;
    this.credit -= 1;
    this.busy += 1;
    return slot;
  }

  /** A job in `slot` has ended. After its last one, the slot is free and may be offered again. */
  leave(slot: Slot): void {
    slot.jobs -= 1;
    if (slot.jobs > 0) return;
    this.busy -= 1;
    slot.nextFree = this.free;
    this.free = slot;
  }

  /** Withdraws all offers. */
  withdraw(): void {
    this.credit = 0;
  }
}
