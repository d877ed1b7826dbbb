import type { HostLoad } from "./host-load.js";
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
  host: HostLoad;
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
  /** `B1` to `B9`, `P1` to `P5`. */
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
 * machine affects all of them alike. Where `host` is given, a measurement is repeated if the
 * hypervisor stole too much time from it.
 *
 * @returns for each contender that is present, its measurements by round.
 */
export async function interleave<C, T>(
  { runs, progress, host }: Pick<Context, "runs" | "progress"> & Partial<Pick<Context, "host">>,
  what: string,
  contenders: Contenders<C>,
  measure: (contender: C, round: number) => Promise<T>,
): Promise<Record<string, T[] | undefined>> {
  const measured: Record<string, T[] | undefined> = {};
  for (let round = 0; round < runs; round += 1) {
    for (const [name, contender] of Object.entries(contenders)) {
      if (contender === undefined) continue;
      const title = `${what}, round ${round + 1} of ${runs}: ${name}`;
      progress(title);
      const once = (): Promise<T> => measure(contender, round);
      const onRepeat = (stolen: number): void =>
        progress(`${title}, again: ${Math.round(100 * stolen)} % of the time was stolen`);
      measured[name] ??= [];
      measured[name].push(await (host?.steadily(once, onRepeat) ?? once()));
    }
  }
  return measured;
}
