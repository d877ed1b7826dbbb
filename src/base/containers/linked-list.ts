/** An item of a {@link LinkedList}; it can be in only one list at a time. */
export interface Linked<T> {
  prev: T | undefined;
  next: T | undefined;
  list: LinkedList<T> | undefined;
}

/**
 * An intrusive doubly linked list. Inserting and removing anywhere take constant time, which
 * neither an array nor a `Set` (after many deletes, holes precede its first item) offers a queue
 * whose items are removed from the middle.
 */
export class LinkedList<T> {
  head: T | undefined;
  tail: T | undefined;
  size = 0;

  /** Appends `item`, or inserts it before `next`, which must be in this list. */
  insert(item: T & Linked<T>, next?: T & Linked<T>): void {
    const prev = next === undefined ? this.tail : next.prev;
    item.prev = prev;
    item.next = next;
    item.list = this;
    if (prev === undefined) this.head = item;
    else (prev as T & Linked<T>).next = item;
    if (next === undefined) this.tail = item;
    else next.prev = item;
    this.size += 1;
  }

  /** Removes `item`. Returns whether it was in this list. */
  remove(item: T & Linked<T>): boolean {
    if (item.list !== this) return false;
    if (item.prev === undefined) this.head = item.next;
    else (item.prev as T & Linked<T>).next = item.next;
    if (item.next === undefined) this.tail = item.prev;
    else (item.next as T & Linked<T>).prev = item.prev;
    item.prev = undefined;
    item.next = undefined;
    item.list = undefined;
    this.size -= 1;
    return true;
  }
}
