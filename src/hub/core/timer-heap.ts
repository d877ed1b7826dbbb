/** Something that wants to be woken at a point in time. */
export interface Timed {
  /** When, on the core's clock, in milliseconds. */
  wakeAt: number;
  /** Its place in the heap, -1 while it is in none. Belongs to the heap. */
  heapIndex: number;
}

/** All pending points in time: a binary heap whose items know their place. */
export class TimerHeap<T extends Timed> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** The earliest point in time, `Infinity` if there is none. */
  get earliest(): number {
    return this.#items[0]?.wakeAt ?? Number.POSITIVE_INFINITY;
  }

  /** Adds `item`, or moves it; `Infinity` takes it out. */
  set(item: T, wakeAt: number): void {
    // As for nearly every request that starts: its deadline is what it was.
    if (wakeAt === item.wakeAt && item.heapIndex >= 0) return;
    item.wakeAt = wakeAt;
    if (wakeAt === Number.POSITIVE_INFINITY) return this.remove(item);
    if (item.heapIndex < 0) {
      item.heapIndex = this.#items.length;
      this.#items.push(item);
    }
    this.#settle(item);
  }

  /** Takes `item` out; does nothing if it is not in. */
  remove(item: T): void {
    const index = item.heapIndex;
    if (index < 0) return;
    item.heapIndex = -1;
    const last = this.#items.pop() as T;
    if (last === item) return;
    this.#put(last, index);
    this.#settle(last);
  }

  /** Takes out and returns the earliest item that is due, if one is. */
  popDue(now: number): T | undefined {
    const first = this.#items[0];
    if (first === undefined || first.wakeAt > now) return undefined;
    this.remove(first);
    return first;
  }

  #put(item: T, index: number): void {
    this.#items[index] = item;
    item.heapIndex = index;
  }

  #settle(item: T): void {
    let index = item.heapIndex;
    while (index > 0) {
      const parent = this.#items[(index - 1) >> 1] as T;
      if (parent.wakeAt <= item.wakeAt) break;
      this.#put(parent, index);
      index = (index - 1) >> 1;
    }
    for (;;) {
      let child = 2 * index + 1;
      const right = this.#items[child + 1];
      if (right !== undefined && right.wakeAt < (this.#items[child] as T).wakeAt) child += 1;
      const least = this.#items[child];
      if (least === undefined || least.wakeAt >= item.wakeAt) break;
      this.#put(least, index);
      index = child;
    }
    this.#put(item, index);
  }
}
