/** What {@link mapConcurrently} needs to know. */
export interface Concurrency {
  /** How many runs may be under way, or done and not taken yet. */
  concurrency: number;
  /** Whether outputs come in the order of their inputs, or as they are there. */
  ordered: boolean;
}

/**
 * Runs every input, so many at once, and gives the outputs. Reads no further ahead
 * than it runs. The first failure, of an input or a run, ends it and gives up what
 * is under way, and so does whoever stops taking outputs.
 */
export async function* mapConcurrently<In, Out>(
  inputs: Iterable<In> | AsyncIterable<In>,
  run: (input: In, signal: AbortSignal) => Promise<Out>,
  { concurrency, ordered }: Concurrency,
): AsyncGenerator<Out, void, undefined> {
  const abort = new AbortController();
  const done = new Map<number, Out>();
  let started = 0;
  let taken = 0;
  let exhausted = false;
  let failure: { error: unknown } | undefined;
  const taking = new Signal();
  const giving = new Signal();

  const pump = async (): Promise<void> => {
    for await (const input of inputs) {
      const index = started++;
      run(input, abort.signal).then(
        (output) => giving.fire(() => done.set(index, output)),
        (error: unknown) => giving.fire(() => (failure ??= { error })),
      );
      while (started - taken >= concurrency && !abort.signal.aborted) await taking.wait();
      if (abort.signal.aborted) return;
    }
  };
  pump().then(
    () => giving.fire(() => (exhausted = true)),
    (error: unknown) => giving.fire(() => (failure ??= { error })),
  );

  try {
    while (!(exhausted && taken === started)) {
      if (failure !== undefined) throw failure.error;
      const next = ordered ? taken : done.keys().next().value;
      if (next === undefined || !done.has(next)) {
        await giving.wait();
        continue;
      }
      const output = done.get(next) as Out;
      done.delete(next);
      taking.fire(() => (taken += 1));
      yield output;
    }
  } finally {
    taking.fire(() => abort.abort(new Error("the outputs are not taken any more")));
  }
}

/** Wakes whoever waits for a change. */
class Signal {
  #wake: () => void = () => {};

  fire(change: () => void): void {
    change();
    this.#wake();
  }

  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
