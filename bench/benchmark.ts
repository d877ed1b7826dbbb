import type { Peers } from "./peers.js";
import type { Programs } from "./program.js";
import type { Row } from "./row.js";

/** What a benchmark receives. */
export interface Context {
  /** Number of measured rounds. */
  runs: number;
  /** Whether to check only that it works: the figures are then meaningless. */
  quick: boolean;
  peers: Peers;
  programs: Programs;
  /** Reports progress. */
  progress(line: string): void;
}

/** What a benchmark returns. */
export interface Result {
  rows: Row[];
  /** A chart of it, as SVG. */
  picture?: string;
  /** Additional figures for `results.json`. */
  details?: unknown;
}

/** One question, and the code that answers it. */
export interface Benchmark {
  /** `B1` to `B9`. */
  id: string;
  question: string;
  /** Whether it runs only with `--full`. */
  long: boolean;
  run(context: Context): Promise<Result>;
}

/** The contenders by name; undefined for a peer that is not installed. */
export type Contenders<C> = { readonly [name: string]: C | undefined };

/**
 * Measures all contenders in turn, `runs` times (A B C, A B C, ...), so that background load on the
 * machine affects all of them alike.
 *
 * @returns for each contender that is present, its measurements by round.
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
