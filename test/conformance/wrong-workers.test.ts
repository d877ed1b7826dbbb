import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type ConformanceReport, runConformance } from "../../src/conformance/run.js";
import type { Scenario } from "../../src/conformance/scenario.js";
import { scenarios, themes } from "../../src/conformance/scenarios/index.js";
import { root } from "../support/running.js";

/**
 * Each of these workers is right but for one thing, and says in its first line
 * which scenario finds that: it fails this one and no other.
 */

const folder = join(root, "conformance/wrong-workers");
const BASE = "right-worker.js";

const workers = readdirSync(folder)
  .filter((file) => file !== BASE)
  .map((file) => {
    const [firstLine = ""] = readFileSync(join(folder, file), "utf8").split("\n");
    const fails = /^\/\/ Fails (nothing|[a-z-]+)/.exec(firstLine)?.[1] ?? "";
    return { file, fails: fails === "nothing" ? [] : [fails] };
  });

/** All that is tried under CI; elsewhere, to be quick, what is closest to the fault. */
function tried(fails: readonly string[]): readonly Scenario[] {
  if (process.env["CI"] === "true") return scenarios;
  return themes.find((theme) => theme.some(({ id }) => fails.includes(id))) ?? scenarios;
}

function failures(report: ConformanceReport): string[] {
  return report.scenarios.filter(({ outcome }) => outcome !== "passed").map(({ id }) => id);
}

describe.concurrent("the kit", () => {
  it("has a wrong worker for each scenario", () => {
    const found = new Set(workers.flatMap(({ fails }) => fails));
    expect([...found].sort()).toEqual(scenarios.map(({ id }) => id).sort());
  });

  it.each(workers)("fails $file in $fails", { timeout: 300_000 }, async ({ file, fails }) => {
    const report = await runConformance([process.execPath, join(folder, file)], {
      scenarios: tried(fails),
      times: { workMs: 1000 },
    });
    expect(failures(report), JSON.stringify(report, null, 1)).toEqual(fails);
  });
});
