import type { Request } from "./request.js";

/** A table of this size is kept when the last request is settled; a larger one is let go. */
const KEPT_SLOTS = 16_384;
const FEWEST_SLOTS = 16;

/**
 * The requests that are not settled, found by their `seq`. The low bits of a `seq` are
 * its slot in the table, and a `seq` whose slot is taken is skipped: so nothing is hashed
 * or probed, and nothing moves when a request is settled. What is looked up must bear
 * the whole `seq`, so the number of a settled request finds nothing, whoever has its slot.
 */
export class LiveRequests implements Iterable<Request> {
  #size = 0;
  #lastSeq = 0;
  #mask = FEWEST_SLOTS - 1;
  #slots: (Request | undefined)[] = emptySlots(FEWEST_SLOTS);

  get size(): number {
    return this.#size;
  }

  /** A `seq` above all that were given out before, for the next request that is added. */
  nextSeq(): number {
    // At least half of the slots are free, so few are passed over on the average.
    do this.#lastSeq += 1;
    while (this.#slots[this.#lastSeq & this.#mask] !== undefined);
    return this.#lastSeq;
  }

  add(request: Request): void {
    this.#slots[request.seq & this.#mask] = request;
    this.#size += 1;
    if (this.#size * 2 > this.#mask) this.#grow();
  }

  /** The request with this `seq`, unless it is settled. */
  get(seq: number): Request | undefined {
    const request = this.#slots[seq & this.#mask];
    return request?.seq === seq ? request : undefined;
  }

  delete(request: Request): void {
    this.#slots[request.seq & this.#mask] = undefined;
    this.#size -= 1;
    if (this.#size === 0 && this.#mask >= KEPT_SLOTS) {
      this.#mask = FEWEST_SLOTS - 1;
      this.#slots = emptySlots(FEWEST_SLOTS);
    }
  }

  /** The requests as they are now, in no particular order. */
  [Symbol.iterator](): Iterator<Request> {
    return this.#slots.filter((request) => request !== undefined).values();
  }

  #grow(): void {
    const capacity = (this.#mask + 1) * 2;
    const slots = emptySlots(capacity);
    // Two that differed in fewer bits differ in more.
    for (const request of this) slots[request.seq & (capacity - 1)] = request;
    this.#mask = capacity - 1;
    this.#slots = slots;
  }
}

function emptySlots(count: number): (Request | undefined)[] {
  return new Array<Request | undefined>(count).fill(undefined);
}
