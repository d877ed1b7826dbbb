/** The largest table kept when its last item is deleted. */
const KEPT_SLOTS = 16_384;
const FEWEST_SLOTS = 16;

/** An item of a {@link SequenceTable}. */
export interface Sequenced {
  /** Its number, from {@link SequenceTable.nextSeq}. */
  seq: number;
}

/**
 * Items indexed by `seq`, an increasing number. The low bits of a `seq` are its slot in the table,
 * and a `seq` whose slot is taken is skipped: no hashing, no probing, and no moves on delete.
 * Lookups compare the whole `seq`, so that of a deleted item never finds a later item in the same
 * slot.
 */
export class SequenceTable<T extends Sequenced> implements Iterable<T> {
  #size = 0;
  #lastSeq = 0;
  #mask = FEWEST_SLOTS - 1;
  #slots: (T | undefined)[] = emptySlots(FEWEST_SLOTS);

  get size(): number {
    return this.#size;
  }

  /** A `seq` greater than all earlier ones, for the next item. */
  nextSeq(): number {
    // At least half of the slots are free, so few are skipped on average.
    do this.#lastSeq += 1;
    while (this.#slots[this.#lastSeq & this.#mask] !== undefined);
    return this.#lastSeq;
  }

  add(item: T): void {
    this.#slots[item.seq & this.#mask] = item;
    this.#size += 1;
    if (this.#size * 2 > this.#mask) this.#grow();
  }

  /** The item with this `seq`, unless it was deleted. */
  get(seq: number): T | undefined {
    const item = this.#slots[seq & this.#mask];
    return item?.seq === seq ? item : undefined;
  }

  delete(item: T): void {
    this.#slots[item.seq & this.#mask] = undefined;
    this.#size -= 1;
    if (this.#size === 0 && this.#mask >= KEPT_SLOTS) {
      this.#mask = FEWEST_SLOTS - 1;
      this.#slots = emptySlots(FEWEST_SLOTS);
    }
  }

  /** The items at the time of the call, in no particular order. */
  [Symbol.iterator](): Iterator<T> {
    return this.#slots.filter((item) => item !== undefined).values();
  }

  #grow(): void {
    const capacity = (this.#mask + 1) * 2;
    const slots = emptySlots<T>(capacity);
    // Items with different low bits still differ when one more bit is used.
    for (const item of this) slots[item.seq & (capacity - 1)] = item;
    this.#mask = capacity - 1;
    this.#slots = slots;
  }
}

function emptySlots<T>(count: number): (T | undefined)[] {
  return new Array<T | undefined>(count).fill(undefined);
}
