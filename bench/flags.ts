import { parseArgs } from "node:util";
import { benchFolder } from "./paths.js";

/** The options from the command line. */
export interface Flags {
  full: boolean;
  quick: boolean;
  /** The benchmarks that were named; undefined for all. */
  only: readonly string[] | undefined;
  runs: number;
  /** The output folder; undefined to print the results only. */
  out: string | undefined;
}

/** What `--help` prints. */
export const help = `Usage: npm run bench -- [options]

Measures gibbs against its peers, which bench/setup.sh installs, and prints a table.

  --full         also B5, B6 and B9, which take a long time
  --only B2,B3   only these benchmarks
  --runs N       how often each is measured, in turn with its peers (default 5)
  --quick        check that everything works: one short run with meaningless figures
  --out DIR      where results.md, results.json and b4.svg go
                 (default bench; nowhere with --only or --quick)
  --help         this text

A ratio is ours divided by the peer's: the median over all runs.`;

/**
 * Parses the command line.
 *
 * @returns undefined if help was requested.
 * @throws Error for unknown arguments.
 */
export function readFlags(args: readonly string[], known: readonly string[]): Flags | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      full: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
      only: { type: "string" },
      runs: { type: "string" },
      out: { type: "string" },
    },
  });
  if (values.help) return undefined;
  const only = values.only?.split(",").map((id) => id.trim().toUpperCase());
  const unknown = only?.find((id) => !known.includes(id));
  if (unknown !== undefined)
    throw new Error(`no benchmark is named ${unknown}; the benchmarks are ${known.join(", ")}`);
  const runs = Number(values.runs ?? (values.quick ? 1 : 5));
  if (!Number.isInteger(runs) || runs < 1) throw new Error("--runs takes a whole number from 1");
  const { full, quick } = values;
  const whole = only === undefined && !quick;
  return { full, quick, only, runs, out: values.out ?? (whole ? benchFolder : undefined) };
}
