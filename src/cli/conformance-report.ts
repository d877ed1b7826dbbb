import { stripVTControlCharacters } from "node:util";
import type {
  ConformanceReport,
  FailureReport,
  Outcome,
  Scenario,
  ScenarioReport,
  WorkerFacts,
} from "#conformance";

const labels: Record<Outcome, string> = {
  passed: "pass",
  failed: "FAIL",
  "not claimed": "not claimed",
  skipped: "skipped",
};
const LABEL_WIDTH = "not claimed".length;
const ID_WIDTH = 28;

/** Describes the worker under test. */
export function workerLine({ workerId, sdk, slots, beatsWhileBusy, methods }: WorkerFacts): string {
  const who = [workerId, sdk === "" ? "" : `(${sdk})`].filter((part) => part !== "").join(" ");
  const mode = beatsWhileBusy ? "ALWAYS" : "WHEN_IDLE";
  const names = methods.map((name) => (name === "" ? "the default method" : name)).join(", ");
  return `worker ${who}: ${slots} ${slots === 1 ? "slot" : "slots"}, ${mode}, serves ${names}`;
}

/** Formats the row of a scenario that is still running. */
export function runningLine({ id }: Scenario): string {
  return `  ${"...".padEnd(LABEL_WIDTH)}  ${id}`;
}

/** Formats the row of a scenario that has ended. */
export function reportLine({ id, title, outcome, tookMs, why }: ScenarioReport): string {
  const took = outcome === "passed" || outcome === "failed" ? `${tookMs} ms` : "";
  const head = `  ${labels[outcome].padEnd(LABEL_WIDTH)}  ${id.padEnd(ID_WIDTH)} ${took.padStart(8)}`;
  return `${head}  ${why ?? title}`;
}

/** Formats the details of a failure. */
export function failureText({ id, failure }: ScenarioReport): string {
  if (failure === undefined) return "";
  return [`\n${id}`, ...failureLines(failure)].join("\n");
}

function failureLines({ expected, got, rules, journal, stderr }: FailureReport): string[] {
  const lines = [`  expected  ${expected}`, `  but       ${got}`];
  for (const { id, text } of rules) lines.push(`  ${id.padStart(8)}  ${text}`);
  lines.push("  messages:", ...journal.map((line) => `    ${line}`));
  if (stderr.length === 0) return lines;
  // Escape sequences printed by the worker must not reach this terminal.
  return [
    ...lines,
    "  its stderr:",
    ...stderr.map((line) => `    ${stripVTControlCharacters(line)}`),
  ];
}

/** Formats the totals. */
export function summaryLine({ scenarios, tookMs }: ConformanceReport): string {
  const counts = countOutcomes(scenarios);
  const parts = [`${counts.passed} passed`, `${counts.failed} failed`];
  if (counts["not claimed"] > 0) parts.push(`${counts["not claimed"]} not claimed`);
  if (counts.skipped > 0) parts.push(`${counts.skipped} skipped`);
  return `\n${parts.join(", ")}, in ${(tookMs / 1000).toFixed(1)} s`;
}

/** Formats the whole report as JSON. */
export function reportJson({ worker, scenarios, tookMs }: ConformanceReport): string {
  const { passed, failed, skipped, "not claimed": notClaimed } = countOutcomes(scenarios);
  const counts = { passed, failed, notClaimed, skipped };
  return JSON.stringify({ worker, scenarios, counts, tookMs: Math.round(tookMs) });
}

/** Counts scenarios by outcome. */
export function countOutcomes(reports: readonly ScenarioReport[]): Record<Outcome, number> {
  const counts = { passed: 0, failed: 0, "not claimed": 0, skipped: 0 };
  for (const { outcome } of reports) counts[outcome] += 1;
  return counts;
}

/** Formats one line per scenario, for `--list`. */
export function listLines(scenarios: readonly Scenario[]): string[] {
  return scenarios.map(({ id, title, rules, needs }) => {
    const needed = needs.length === 0 ? "" : `; needs ${needs.join(", ")}`;
    return `${id.padEnd(ID_WIDTH)} ${title} (${rules.join(", ")}${needed})`;
  });
}
