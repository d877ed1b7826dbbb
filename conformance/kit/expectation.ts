import type { RuleId } from "./rules.js";

/** What a scenario asks of the worker, and where that is written. */
export interface Expectation {
  /** For people: what the worker was to do. */
  expected: string;
  /** The paragraphs of docs/protocol.md that say so. */
  rules: readonly RuleId[];
}

/** The worker did not do what a scenario asked of it. */
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

/** Asks for `expected`, by the paragraphs `rules`. */
export function ask(expected: string, ...rules: RuleId[]): Expectation {
  return { expected, rules };
}

/** Fails unless `holds`; `got` tells what the worker did instead. */
export function check(holds: boolean, expectation: Expectation, got: string): void {
  if (!holds) throw new ConformanceFailure(expectation, got);
}
