import { expect, it } from "vitest";
import { runConformance } from "../../conformance/run.js";
import { scenarios } from "../../conformance/scenarios/index.js";

/** Checks that this project's own workers do everything that they claim. */

const ids = scenarios.map(({ id }) => id);

/**
 * Scenarios that the bare worker does not claim, besides those that need methods it does not have.
 */
const beyondBare = new Set([
  "hub-silent-reconnects",
  "hub-killed-mid-job",
  "backoff-on-unavailable",
  "drain-from-hub",
  "drain-on-sigterm",
  "job-crossing-drain-nacked",
]);
const needy = scenarios.filter(({ needs }) => needs.length > 0).map(({ id }) => id);

const cases = [
  {
    what: "worker processes of this library",
    command: ["bin/gibbs.js", "worker", "conformance/models/model.js", "--count", "2"],
  },
  {
    what: "a worker of this library in its own process",
    command: ["conformance/models/in-process.js"],
    notClaimed: ["slots-many", "beats-while-computing"],
  },
  {
    what: "one with several slots",
    command: ["conformance/models/in-process.js", "4"],
    notClaimed: ["orphan-gives-no-ready"],
  },
  {
    what: "one of a later version, which sends what this one does not know",
    command: ["test/fixtures/newer-worker.js"],
  },
  {
    what: "one without the SDK or the model",
    command: ["examples/bare-worker/worker.js"],
    notClaimed: needy,
    skipped: beyondBare,
  },
];

it.concurrent.each(cases)(
  "the kit passes $what",
  { timeout: 300_000 },
  async ({ command, notClaimed = [], skipped = new Set<string>() }) => {
    const report = await runConformance([process.execPath, ...command], { scenarios, skipped });
    const passed = ids.filter((id) => !notClaimed.includes(id) && !skipped.has(id));
    const those = (outcome: string): string[] =>
      report.scenarios.filter((one) => one.outcome === outcome).map(({ id }) => id);
    expect(those("failed"), JSON.stringify(report, null, 1)).toEqual([]);
    expect(those("passed")).toEqual(passed);
  },
);
