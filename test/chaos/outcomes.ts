import type { CallOutcome, Notes } from "./journal.js";
import { tally } from "./statistics.js";

/** Counts calls by how they ended. */
export function outcomes(notes: Notes): Record<string, number> {
  return tally(notes.outcome.map(({ outcome }) => describe(outcome)));
}

/** Summarizes an outcome: `OK`, or code, reason and execution. */
function describe(outcome: CallOutcome): string {
  if (outcome.ok) return "OK";
  return [outcome.code, outcome.reason || "-", outcome.execution].join(" ");
}
