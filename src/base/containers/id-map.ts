/**
 * A map from ids (integers from 0 to 2^32 - 1) to values, for tens of thousands of short-lived ids
 * a second. Under such churn a `Map` leaves a dead table behind every few dozen insertions, and V8
 * keeps each one and its contents reachable from the previous table until the next full collection.
 *
 * Open addressing with linear probing; a deletion moves later entries up (Knuth, The Art of
 * Computer Programming, vol. 3, 6.4, algorithm R). The Fibonacci hash (same chapter) spreads
 * consecutive ids evenly: if they were adjacent, a deletion would walk over all of them.
 */
export class IdMap<T> {
  #size = 0;
  #mask = 15;
  /** How many of the hash's 32 bits to discard. */
  #shift = 28;
  #ids: Uint32Array = new Uint32Array(16);
  #values: (T | undefined)[] = new Array<T | undefined>(16).fill(undefined);

  get size(): number {
    return this.#size;
  }

  get(id: number): T | undefined {
    return this.#values[this.#find(id)];
  }

  has(id: number): boolean {
    return this.get(id) !== undefined;
  }

  set(id: number, value: NonNullable<T>): void {
    const at = this.#find(id);
    const isNew = this.#values[at] === undefined;
    this.#ids[at] = id;
    this.#values[at] = value;
    if (!isNew) return;
    this.#size += 1;
    if (this.#size * 2 > this.#mask) this.#resize((this.#mask + 1) * 2);
  }

  /** Returns whether the id was present. */
  delete(id: number): boolean {
    let hole = this.#find(id);
    if (this.#values[hole] === undefined) return false;
    this.#size -= 1;
    for (let next = (hole + 1) & this.#mask; ; next = (next + 1) & this.#mask) {
      const value = this.#values[next];
      if (value === undefined) break;
      const home = this.#home(this.#ids[next] as number);
      // An entry that could no longer be found past the hole moves into it.
      if (((next - home) & this.#mask) < ((next - hole) & this.#mask)) continue;
      this.#ids[hole] = this.#ids[next] as number;
      this.#values[hole] = value;
      hole = next;
    }
    this.#values[hole] = undefined;
    return true;
  }

  clear(): void {
    this.#size = 0;
    this.#values.fill(undefined);
  }

  /** A snapshot of the values, ordered by id. */
  values(): T[] {
    return this.entries().map(([, value]) => value);
  }

  /** A snapshot of the ids and values, ordered by id. */
  entries(): [id: number, value: T][] {
    const entries: [number, T][] = [];
    for (const [at, value] of this.#values.entries()) {
      if (value !== undefined) entries.push([this.#ids[at] as number, value]);
    }
    return entries.sort(([one], [other]) => one - other);
  }

  /** The index of `id`, or the free one where it belongs. */
  #find(id: number): number {
    let at = this.#home(id);
    while (this.#values[at] !== undefined && this.#ids[at] !== id) at = (at + 1) & this.#mask;
    return at;
  }

  #home(id: number): number {
    return Math.imul(id, GOLDEN) >>> this.#shift;
  }

  #resize(capacity: number): void {
    const entries = this.entries();
    this.#mask = capacity - 1;
    this.#shift -= 1;
    this.#ids = new Uint32Array(capacity);
    this.#values = new Array<T | undefined>(capacity).fill(undefined);
    this.#size = 0;
    for (const [id, value] of entries) this.set(id, value as NonNullable<T>);
  }
}

/** 2^32 divided by the golden ratio. */
const GOLDEN = 0x9e3779b1;
