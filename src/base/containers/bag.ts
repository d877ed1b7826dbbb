/** An item of a {@link Bag}; it can be in only one bag at a time. */
export interface Bagged {
  /** Its index in the bag, or -1 when it is not in one. Managed by the bag. */
  bagIndex: number;
}

/**
 * A set whose items know their own index. Unlike a `Set`, it leaves no garbage behind when tens of
 * thousands of items come and go each second: see `IdMap`.
 */
export class Bag<T extends Bagged> implements Iterable<T> {
  #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** Adds `item` unless it is already in a bag. */
  add(item: T): void {
    if (item.bagIndex >= 0) return;
    item.bagIndex = this.#items.length;
    this.#items.push(item);
  }

  /** Removes `item` if it is in the bag. */
  delete(item: T): void {
    if (item.bagIndex < 0) return;
    const last = this.#items.pop() as T;
    if (last !== item) {
      this.#items[item.bagIndex] = last;
      last.bagIndex = item.bagIndex;
    }
    item.bagIndex = -1;
  }

  /** Removes and returns all items, in insertion order if none has been deleted. */
  takeAll(): T[] {
    const items = this.#items;
    if (items.length === 0) return items;
    for (const item of items) item.bagIndex = -1;
    this.#items = [];
    return items;
  }

  /** A snapshot of the items, in no particular order. */
  [Symbol.iterator](): Iterator<T> {
    return [...this.#items].values();
  }
}
