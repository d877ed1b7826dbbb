import { Wakeup } from "../base/wakeup.js";

/** What {@link mapConcurrently} needs to know. */
export interface Concurrency {
  /** How many runs may be under way, or done and not taken yet. */
  concurrency: number;
  /** Whether outputs come in the order of their inputs, or as they arrive. */
  ordered: boolean;
}

/** How far the inputs are: a failure, of an input or a run, is final. */
type Progress = { kind: "reading" | "exhausted" } | { kind: "failed"; error: unknown };

/**
 * Runs every input, up to `concurrency` at once, and yields the outputs. Reads no
 * further ahead than it runs. The first failure, of an input or a run, ends it and
 * gives up what is under way, and so does a consumer that stops taking outputs.
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
  let progress = { kind: "reading" } as Progress;
  const taking = new Wakeup();
  const giving = new Wakeup();
  const proceed = (next: Progress): void => {
    if (progress.kind !== "failed") progress = next;
    giving.wake();
  };
  const fail = (error: unknown): void => proceed({ kind: "failed", error });

  const pump = async (): Promise<void> => {
    for await (const input of inputs) {
      const index = started++;
      run(input, abort.signal).then((output) => {
        done.set(index, output);
        giving.wake();
      }, fail);
      while (started - taken >= concurrency && !abort.signal.aborted) await taking.wait();
      if (abort.signal.aborted) return;
    }
  };
  pump().then(() => proceed({ kind: "exhausted" }), fail);

  try {
    for (;;) {
      if (progress.kind === "exhausted" && taken === started) return;
      if (progress.kind === "failed") throw progress.error;
      const next = ordered ? taken : done.keys().next().value;
      if (next === undefined || !done.has(next)) {
        await giving.wait();
        continue;
      }
      const output = done.get(next) as Out;
      done.delete(next);
      taken += 1;
      taking.wake();
      yield output;
    }
  } finally {
    abort.abort(new Error("the outputs are not taken any more"));
    taking.wake();
  }
}
