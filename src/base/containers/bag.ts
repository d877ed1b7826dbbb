/** What can lie in a {@link Bag}: in one at a time. */
export interface Bagged {
  /** Its place, -1 while it lies in none. Belongs to the bag. */
  bagIndex: number;
}

/**
 * A set whose items know their place. Unlike a `Set`, items that come and go by the
 * ten thousand a second leave nothing behind: see `IdMap`.
 */
export class Bag<T extends Bagged> implements Iterable<T> {
  #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** Puts `item` in, if it does not lie in it already. */
  add(item: T): void {
    if (item.bagIndex >= 0) return;
    item.bagIndex = this.#items.length;
    this.#items.push(item);
  }

  /** Takes `item` out, if it lies in it. */
  delete(item: T): void {
    if (item.bagIndex < 0) return;
    const last = this.#items.pop() as T;
    if (last !== item) {
      this.#items[item.bagIndex] = last;
      last.bagIndex = item.bagIndex;
    }
    item.bagIndex = -1;
  }

  /** Takes all items out. They come in the order in which they were put in, if none was taken out before. */
  takeAll(): T[] {
    const items = this.#items;
    if (items.length === 0) return items;
    for (const item of items) item.bagIndex = -1;
    this.#items = [];
    return items;
  }

  /** The items as they are now, in no particular order. */
  [Symbol.iterator](): Iterator<T> {
    return [...this.#items].values();
  }
}
