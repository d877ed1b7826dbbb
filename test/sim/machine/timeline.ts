/** The order of events at one instant. */
export const Phase = {
  /** Timers and arriving input. */
  input: 0,
  /** Work deferred until after the input that has already arrived. */
  afterInput: 1,
  /** Inspections of the result. */
  inspection: 2,
} as const;

/** A scheduled event. */
export interface Entry {
  readonly at: number;
  readonly phase: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/**
 * Virtual time in milliseconds, with its scheduled events: earliest first, then by phase, then by
 * age.
 */
export class Timeline {
  now = 1000;
  /** Number of entries that have run. */
  steps = 0;
  /** Whether promises may be waiting to settle. */
  mustSettle = false;
  readonly #heap: Entry[] = [];
  #lastOrder = 0;

  /** Schedules `run` at `at`, or now if that has passed. */
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

  /**
   * Runs the next entry due by `until`; if there is none, advances to `until` and returns false.
   */
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
