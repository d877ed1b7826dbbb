/** What happens first at one instant. */
export const Phase = {
  /** Timers, and input that arrives. */
  input: 0,
  /** What was to come after the input that had arrived. */
  afterInput: 1,
  /** A look at what has come of it. */
  inspection: 2,
} as const;

/** Something that is to happen. */
export interface Entry {
  readonly at: number;
  readonly phase: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** Virtual time in milliseconds, and what is to happen in it: earliest first, then by phase, then by age. */
export class Timeline {
  now = 1000;
  /** How many entries have run. */
  steps = 0;
  /** Whether promises may be about to go on. */
  mustSettle = false;
  readonly #heap: Entry[] = [];
  #lastOrder = 0;

  /** Has `run` called at `at`, or now if that is over. */
  add(at: number, phase: number, run: () => void): Entry {
    const entry = { at: Math.max(at, this.now), phase, order: ++this.#lastOrder, run };
    let index = this.#heap.length;
    this.#heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (isBefore(this.#heap[parent] as Entry, entry)) break;
      this.#heap[index] = this.#heap[parent] as Entry;
      index = parent;
    }
    this.#heap[index] = entry;
    return entry;
  }

  /** Runs the next entry that is due until `until`; if there is none, moves there and returns false. */
  step(until: number): boolean {
    const first = this.#heap[0];
    if (first === undefined || first.at > until) {
      this.now = until;
      return false;
    }
    this.#dropFirst();
    const { run } = first;
    if (run === undefined) return true;
    this.now = first.at;
    this.steps += 1;
    first.run = undefined;
    run();
    return true;
  }

  #dropFirst(): void {
    const heap = this.#heap;
    const last = heap.pop() as Entry;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, heap[child] as Entry)) child += 1;
      if (isBefore(last, heap[child] as Entry)) break;
      heap[index] = heap[child] as Entry;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  if (a.at !== b.at) return a.at < b.at;
  return a.phase === b.phase ? a.order < b.order : a.phase < b.phase;
}
