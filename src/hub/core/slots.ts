/**
 * The life of a slot.
 *
 * | from | event | to |
 * |---|---|---|
 * | idle | ready | offered |
 * | offered | a job takes it | busy |
 * | offered | drain, or the end of the stream | idle |
 * | busy | the terminal event of the last of its jobs | idle |
 */
export type SlotState = "idle" | "offered" | "busy";

/** What a worker computes in: room for one job, or for several that are run together. */
export class Slot {
  state: SlotState = "idle";
  /** Its jobs that are in flight. */
  jobs = 0;
  /** The one below it on its stack. Belongs to the ledger. */
  below: Slot | undefined;
}

/** The slots of one worker. They are made when they are first offered, and used again and again. */
export class SlotLedger {
  /** How many the worker may offer. */
  capacity = 0;
  /** Free slots that the worker has offered and that no job has taken. */
  credit = 0;
  /** Slots that have jobs. */
  busy = 0;
  /** Every slot that was ever offered. */
  readonly all: Slot[] = [];
  #offered: Slot | undefined;
  #idle: Slot | undefined;

  /** The worker offers `count` more. Returns how many of those are beyond its capacity. */
  offer(count: number): number {
    const added = Math.min(count, this.capacity - this.credit - this.busy);
    for (let one = 0; one < added; one += 1) {
      const slot = this.#takeIdle();
      slot.state = "offered";
      slot.below = this.#offered;
      this.#offered = slot;
    }
    this.credit += added;
    return count - added;
  }

  /** Takes an offered slot for one job. Throws if there is none. */
  take(): Slot {
    const slot = this.#offered;
    if (slot === undefined) throw new Error("no slot is offered");
    this.#offered = slot.below;
    this.credit -= 1;
    this.busy += 1;
    slot.state = "busy";
    slot.jobs = 1;
    return slot;
  }

  /** A job of `slot` is over; the worker may offer the slot again once all of them are. */
  leave(slot: Slot): void {
    slot.jobs -= 1;
    if (slot.jobs > 0) return;
    this.busy -= 1;
    this.#putIdle(slot);
  }

  /** What is offered is not offered any more. */
  withdraw(): void {
    for (let slot = this.#offered; slot !== undefined; slot = this.#offered) {
      this.#offered = slot.below;
      this.#putIdle(slot);
    }
    this.credit = 0;
  }

  #takeIdle(): Slot {
    const slot = this.#idle;
    if (slot !== undefined) {
      this.#idle = slot.below;
      return slot;
    }
    const made = new Slot();
    this.all.push(made);
    return made;
  }

  #putIdle(slot: Slot): void {
    slot.state = "idle";
    slot.below = this.#idle;
    this.#idle = slot;
  }
}
