import { median, pairedRatios } from "./stats.js";

/** What a figure must be for its floor or its goal. */
export interface Bound {
  is: "at most" | "at least";
  value: number;
}

/** The least that we accept, and what we want. */
export interface Bounds {
  floor?: Bound;
  goal?: Bound;
}

/** How a figure stands to its bounds; "not judged" if it has none, or if there is nothing to judge. */
export type Verdict = "goal met" | "floor met" | "goal missed" | "missed" | "not judged";

/** One line of the table. */
export interface Row extends Bounds {
  /** `B1` to `B9`. */
  benchmark: string;
  /** What was measured. */
  what: string;
  unit: string;
  /** Our figure: the median over all rounds. */
  ours: number;
  /** What it is compared with; empty: with nothing. */
  peer: string;
  /** The peer's figure, or why there is none. */
  theirs: number | string | undefined;
  /** Ours by theirs: the median of the ratios of each round. */
  ratio: number | undefined;
  verdict: Verdict;
}

/** At most so much. */
export const atMost = (value: number): Bound => ({ is: "at most", value });

/** At least so much. */
export const atLeast = (value: number): Bound => ({ is: "at least", value });

/** What both kinds of row begin with. */
export type Measure = Pick<Row, "benchmark" | "what" | "unit">;

/**
 * A figure beside a peer's. The bounds are for the ratio of ours to theirs.
 *
 * @param ours by round; NaN for a round that does not count.
 * @param theirs the same, or in words why there is no figure.
 */
export function compared(
  measure: Measure,
  ours: readonly number[],
  peer: string,
  theirs: readonly number[] | string,
  bounds: Bounds = {},
): Row {
  const row = { ...measure, ...bounds, ours: typical(ours), peer };
  if (typeof theirs === "string") {
    return { ...row, theirs, ratio: undefined, verdict: "not judged" };
  }
  const ratio = typical(pairedRatios(ours, theirs));
  return { ...row, theirs: typical(theirs), ratio, verdict: judge(ratio, bounds) };
}

/**
 * A figure that is judged by itself; a peer's may stand beside it.
 *
 * @param beside the peer, and its figure or why there is none.
 */
export function absolute(
  measure: Measure,
  ours: readonly number[],
  bounds: Bounds = {},
  beside: { peer: string; theirs: number | string | undefined } = { peer: "", theirs: undefined },
): Row {
  const figure = typical(ours);
  const verdict = judge(figure, bounds);
  return { ...measure, ...bounds, ...beside, ours: figure, ratio: undefined, verdict };
}

function typical(rounds: readonly number[]): number {
  return median(rounds.filter(Number.isFinite));
}

function judge(figure: number, { floor, goal }: Bounds): Verdict {
  if (goal !== undefined && holds(figure, goal)) return "goal met";
  if (floor !== undefined) return holds(figure, floor) ? "floor met" : "missed";
  return goal === undefined ? "not judged" : "goal missed";
}

function holds(figure: number, { is, value }: Bound): boolean {
  return is === "at most" ? figure <= value : figure >= value;
}
