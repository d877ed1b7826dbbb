import { Wakeup } from "../base/wakeup.js";

/** The options of {@link mapConcurrently}. */
export interface Concurrency {
  /** The maximum number of runs in flight or finished but not yet consumed. */
  concurrency: number;
  /** Whether to yield outputs in input order rather than as they arrive. */
  ordered: boolean;
}

/** The state of the inputs. A failure, of an input or a run, is final. */
type Progress = { kind: "reading" | "exhausted" } | { kind: "failed"; error: unknown };

/**
 * Runs every input, up to `concurrency` at once, and yields the outputs. Reads each input only when
 * it can run it. The first failure, of an input or a run, ends the iteration and cancels all runs
 * in flight; so does a consumer that stops reading early.
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
    abort.abort(new Error("the remaining outputs are no longer wanted"));
    taking.wake();
  }
}
