import type { CallOutcome, Notes } from "./journal.js";
import { tally } from "./statistics.js";

/** How many calls ended how. */
export function outcomes(notes: Notes): Record<string, number> {
  return tally(notes.outcome.map(({ outcome }) => describe(outcome)));
}

/** An outcome in a few words: `OK`, or code, reason and execution. */
function describe(outcome: CallOutcome): string {
  if (outcome.ok) return "OK";
  return [outcome.code, outcome.reason || "-", outcome.execution].join(" ");
}
