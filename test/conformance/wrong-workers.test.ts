import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runConformance } from "../../conformance/run.js";
import { scenarios, themes } from "../../conformance/scenarios/index.js";
import type { Scenario } from "../../conformance/scenarios/scenario.js";
import { root } from "../support/running.js";

/**
 * Each of these workers is correct except for one fault. The scenarios named in its first line find
 * that fault, the first of them in particular: the worker fails these and no others.
 */

const folder = join(root, "conformance/wrong-workers");

const workers = Object.entries(themes).flatMap(([theme, related]) =>
  readdirSync(join(folder, theme)).map((name) => {
    const file = join(theme, name);
    const [firstLine = ""] = readFileSync(join(folder, file), "utf8").split("\n");
    const [fails = "", ...alsoFails] =
      /^\/\/ Fails ([a-z-]+(?:, [a-z-]+)*): /.exec(firstLine)?.[1]?.split(", ") ?? [];
    return { file, fails, alsoFails, related };
  }),
);

/**
 * Returns the scenarios to try: all of them under CI; elsewhere, to be quick, those closest to the
 * fault.
 */
function tried(related: readonly Scenario[]): readonly Scenario[] {
  return process.env["CI"] === "true" ? scenarios : related;
}

/** Expects a worker to pass all of `tried` except for those of `fails`, which are in their order. */
async function expectFailures(
  file: string,
  tried: readonly Scenario[],
  fails: string[],
): Promise<void> {
  const command = [process.execPath, join(folder, file)];
  const report = await runConformance(command, { scenarios: tried, times: { workMs: 1000 } });
  const failed = report.scenarios.filter(({ outcome }) => outcome !== "passed");
  expect(
    failed.map(({ id }) => id),
    JSON.stringify(report, null, 1),
  ).toEqual(fails.filter((id) => tried.some((scenario) => scenario.id === id)));
}

describe.concurrent("the kit", () => {
  it("has a wrong worker for each scenario, in the folder of its theme", () => {
    const found = new Set(workers.map(({ fails }) => fails));
    expect([...found].sort()).toEqual(scenarios.map(({ id }) => id).sort());
    const misplaced = workers.filter(
      ({ fails, related }) => !related.some(({ id }) => id === fails),
    );
    expect(misplaced.map(({ file }) => file)).toEqual([]);
  });

  it.each(workers)("fails $file in $fails", { timeout: 300_000 }, async (worker) => {
    const { file, fails, alsoFails, related } = worker;
    await expectFailures(file, tried(related), [fails, ...alsoFails]);
  });

  it("passes the worker that they differ from", { timeout: 300_000 }, async () => {
    await expectFailures("right.js", scenarios, []);
  });
});
