import type { RuleId } from "./rules.js";

/** What a scenario requires of the worker, and the rules that say so. */
export interface Expectation {
  /** What the worker must do, as a phrase that completes "expected ...". */
  expected: string;
  /** The paragraphs of docs/protocol.md that require it. */
  rules: readonly RuleId[];
}

/** Thrown when the worker does not meet an expectation. */
export class ConformanceFailure extends Error {
  override readonly name = "ConformanceFailure";
  readonly expectation: Expectation;
  /** What the worker did instead. */
  readonly got: string;

  constructor(expectation: Expectation, got: string) {
    super(`expected ${expectation.expected}; ${got}`);
    this.expectation = expectation;
    this.got = got;
  }
}

/** Creates an expectation that `rules` require. */
export function expecting(expected: string, ...rules: RuleId[]): Expectation {
  return { expected, rules };
}

/** @throws ConformanceFailure unless `holds`; `got` says what the worker did instead. */
export function check(holds: boolean, expectation: Expectation, got: string): void {
  if (!holds) throw new ConformanceFailure(expectation, got);
}
