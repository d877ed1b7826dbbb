import type { Rule, Violation } from "./check.js";
import { rules } from "./check.js";

/** A requirement: what was wanted, what was measured, and whether it passes. */
export interface Criterion {
  name: string;
  measured: string;
  wanted: string;
  pass: boolean;
}

/** The result of a scenario. */
export interface Scorecard {
  scenario: string;
  /** The settings that differ from the defaults. */
  settings: Record<string, unknown>;
  /** Measurements, whether or not a criterion uses them. */
  figures: Record<string, unknown>;
  criteria: Criterion[];
}

/** The options of a scenario. */
export interface ScenarioOptions {
  seed: number;
  minutes: number;
  /** The folder where its processes write journals and logs. */
  folder: string;
  /** Reports progress. */
  say(line: string): void;
}

/** Requires `value` to be at most `limit`. */
export function atMost(name: string, value: number, limit: number, unit = ""): Criterion {
  const pass = value <= limit;
  return { name, measured: show(value, unit), wanted: `<= ${show(limit, unit)}`, pass };
}

/** Requires `value` to be at least `limit`. */
export function atLeast(name: string, value: number, limit: number, unit = ""): Criterion {
  const pass = value >= limit;
  return { name, measured: show(value, unit), wanted: `>= ${show(limit, unit)}`, pass };
}

/** Requires that there are no such cases; shows the first few if there are. */
export function none(name: string, cases: readonly string[]): Criterion {
  const examples = cases.length === 0 ? "" : `: ${cases.slice(0, 3).join("; ")}`;
  return { name, measured: `${cases.length}${examples}`, wanted: "0", pass: cases.length === 0 };
}

/** Requires that no rule was broken. */
export function safety(violations: readonly Violation[]): Criterion[] {
  return (Object.keys(rules) as Rule[]).map((rule) => {
    const broken = violations.filter((violation) => violation.rule === rule);
    return none(
      `${rule} (${rules[rule]})`,
      broken.map(({ id, detail }) => `${id}: ${detail}`),
    );
  });
}

/** Formats the scorecard for people. */
export function print({ scenario, settings, figures, criteria }: Scorecard): string {
  const lines = criteria.map(({ name, measured, wanted, pass }) => {
    const verdict = pass ? "PASS" : "FAIL";
    return `  ${verdict}  ${name}: ${measured} (wanted ${wanted})`;
  });
  return [
    `== ${scenario}`,
    `  settings: ${JSON.stringify(settings)}`,
    ...Object.entries(figures).flatMap(([name, figure]) => printFigure(name, figure)),
    ...lines,
  ].join("\n");
}

function printFigure(name: string, figure: unknown): string[] {
  const rows = Object.entries(Object(figure));
  const isTable = rows.length > 0 && rows.every(([, row]) => typeof row === "object");
  if (!isTable) return [`  ${name}: ${JSON.stringify(figure)}`];
  return [`  ${name}:`, ...rows.map(([row, cells]) => `    ${row}: ${JSON.stringify(cells)}`)];
}

function show(value: number, unit: string): string {
  const digits = Number.isInteger(value) ? 0 : 1;
  return `${value.toFixed(digits)}${unit === "" ? "" : ` ${unit}`}`;
}
