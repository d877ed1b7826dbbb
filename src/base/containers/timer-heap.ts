/** Something that wants to be woken at a point in time. */
export interface Timed {
  /** Its index in the heap, or -1 when it is not in one. Managed by the heap. */
  heapIndex: number;
}

/**
 * The number of children per node. With many, a heap of a million items has few levels, and each
 * level costs one uncached memory access.
 */
const ARITY = 8;

/**
 * All pending points in time, in milliseconds on the core's clock: a heap whose items know their
 * index. The times are stored apart from the items, so that comparing does not touch the items and
 * none of a million times is a separate object.
 */
export class TimerHeap<T extends Timed> {
  readonly #items: T[] = [];
  #times = new Float64Array(64);

  get size(): number {
    return this.#items.length;
  }

  /** The earliest point in time; `Infinity` if there is none. */
  get earliest(): number {
    return this.#items.length === 0 ? Number.POSITIVE_INFINITY : (this.#times[0] as number);
  }

  /** When `item` is due; `Infinity` if it is not in the heap. */
  timeOf(item: T): number {
    return item.heapIndex < 0 ? Number.POSITIVE_INFINITY : (this.#times[item.heapIndex] as number);
  }

  /** Adds or moves `item`; `Infinity` removes it. */
  set(item: T, wakeAt: number): void {
    // The case for nearly every request that starts: its deadline has not changed.
    if (wakeAt === this.timeOf(item)) return;
    if (wakeAt === Number.POSITIVE_INFINITY) return this.remove(item);
    if (item.heapIndex < 0) {
      item.heapIndex = this.#items.length;
      this.#items.push(item);
      if (item.heapIndex === this.#times.length) this.#grow();
    }
    this.#settle(item, wakeAt, item.heapIndex);
  }

  /** Removes `item` if it is in the heap. */
  remove(item: T): void {
    const index = item.heapIndex;
    if (index < 0) return;
    item.heapIndex = -1;
    const last = this.#items.pop() as T;
    if (last !== item) this.#settle(last, this.#times[this.#items.length] as number, index);
  }

  /** Removes and returns the earliest item that is due, if there is one. */
  popDue(now: number): T | undefined {
    const first = this.#items[0];
    if (first === undefined || this.earliest > now) return undefined;
    this.remove(first);
    return first;
  }

  /** Puts `item` in its place, found by moving up or down from `hole`. */
  #settle(item: T, time: number, hole: number): void {
    let index = hole;
    while (index > 0) {
      const parent = Math.floor((index - 1) / ARITY);
      if ((this.#times[parent] as number) <= time) break;
      this.#move(parent, index);
      index = parent;
    }
    for (;;) {
      const least = this.#leastChild(index);
      if (least === undefined || (this.#times[least] as number) >= time) break;
      this.#move(least, index);
      index = least;
    }
    this.#put(item, time, index);
  }

  #leastChild(index: number): number | undefined {
    const first = index * ARITY + 1;
    const end = Math.min(first + ARITY, this.#items.length);
    if (first >= end) return undefined;
    let least = first;
    for (let child = first + 1; child < end; child += 1) {
      if ((this.#times[child] as number) < (this.#times[least] as number)) least = child;
    }
    return least;
  }

  #move(from: number, to: number): void {
    this.#put(this.#items[from] as T, this.#times[from] as number, to);
  }

  #put(item: T, time: number, index: number): void {
    this.#items[index] = item;
    this.#times[index] = time;
    item.heapIndex = index;
  }

  #grow(): void {
    const times = new Float64Array(this.#times.length * 2);
    times.set(this.#times);
    this.#times = times;
  }
}
