import type { Peers } from "./peers.js";
import type { Programs } from "./program.js";
import type { Row } from "./row.js";

/** What a benchmark needs. */
export interface Context {
  /** How often everything is measured. */
  runs: number;
  /** Whether only to see that it works: figures mean nothing then. */
  quick: boolean;
  peers: Peers;
  programs: Programs;
  /** Tells how far it is. */
  progress(line: string): void;
}

/** What a benchmark gives. */
export interface Result {
  rows: Row[];
  /** A picture of it, as SVG. */
  picture?: string;
  /** More figures, for `results.json`. */
  details?: unknown;
}

/** One question, and what answers it. */
export interface Benchmark {
  /** `B1` to `B9`. */
  id: string;
  question: string;
  /** Whether it runs only with `--full`. */
  long: boolean;
  run(context: Context): Promise<Result>;
}

/** Who is measured, by name; undefined is a peer that is not installed. */
export type Contenders<C> = { readonly [name: string]: C | undefined };

/**
 * Measures all contenders in turn, and so `runs` times (A B C, A B C, ...): what
 * the machine does meanwhile meets all of them alike.
 *
 * @returns for each contender that is there what was measured, by round.
 */
export async function interleave<C, T>(
  { runs, progress }: Pick<Context, "runs" | "progress">,
  what: string,
  contenders: Contenders<C>,
  measure: (contender: C, round: number) => Promise<T>,
): Promise<Record<string, T[] | undefined>> {
  const measured: Record<string, T[] | undefined> = {};
  for (let round = 0; round < runs; round += 1) {
    for (const [name, contender] of Object.entries(contenders)) {
      if (contender === undefined) continue;
      progress(`${what}, round ${round + 1} of ${runs}: ${name}`);
      measured[name] ??= [];
      measured[name].push(await measure(contender, round));
    }
  }
  return measured;
}
