import { median, pairedRatios } from "./stats.js";

/** A limit that a figure must satisfy for its floor or goal. */
export interface Bound {
  is: "at most" | "at least";
  value: number;
}

/** The minimum we accept, and what we aim for. */
export interface Bounds {
  floor?: Bound;
  goal?: Bound;
}

/** How a figure compares with its bounds; "not judged" if there are no bounds or no figure. */
export type Verdict = "goal met" | "floor met" | "goal missed" | "missed" | "not judged";

/** One row of the table. */
export interface Row extends Bounds {
  /** `B1` to `B9`, `P1` to `P5`. */
  benchmark: string;
  /** What was measured. */
  what: string;
  unit: string;
  /** Our figure: the median over all rounds. */
  ours: number;
  /** The peer that it is compared with; empty if there is none. */
  peer: string;
  /** The peer's figure, or the reason it is missing. */
  theirs: number | string | undefined;
  /** Ours divided by theirs: the median of the ratios within each round. */
  ratio: number | undefined;
  verdict: Verdict;
}

/** A bound of at most `value`. */
export const atMost = (value: number): Bound => ({ is: "at most", value });

/** A bound of at least `value`. */
export const atLeast = (value: number): Bound => ({ is: "at least", value });

/** The fields that both kinds of row start with. */
export type Measure = Pick<Row, "benchmark" | "what" | "unit">;

/**
 * A figure compared with a peer's. The bounds apply to the ratio of ours to theirs.
 *
 * @param ours by round; NaN for a round that does not count.
 * @param theirs the same, or a text saying why there is no figure.
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
 * A figure judged on its own; a peer's may be shown for comparison.
 *
 * @param beside the peer, and its figure or the reason it is missing.
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
