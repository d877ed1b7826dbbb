/** What can lie in a {@link Bag}: in one at a time. */
export interface Bagged {
  /** Its place, -1 while it lies in none. Belongs to the bag. */
  bagIndex: number;
}

/** A set whose items know their place: in and out leave nothing behind to be collected. */
export class Bag<T extends Bagged> implements Iterable<T> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** Puts `item` in, which must lie in no bag. */
  add(item: T): void {
    item.bagIndex = this.#items.length;
    this.#items.push(item);
  }

  /** Takes `item` out, which must lie in this bag. */
  delete(item: T): void {
    const last = this.#items.pop() as T;
    if (last !== item) {
      this.#items[item.bagIndex] = last;
      last.bagIndex = item.bagIndex;
    }
    item.bagIndex = -1;
  }

  /** The items as they are now, in no particular order. */
  [Symbol.iterator](): Iterator<T> {
    return [...this.#items].values();
  }
}
