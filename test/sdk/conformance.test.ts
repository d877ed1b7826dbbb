import { expect, it } from "vitest";
import { runConformance } from "../../src/conformance/run.js";
import { scenarios } from "../../src/conformance/scenarios/index.js";
import { build, languages } from "./languages.js";

const withModel = languages.flatMap((one) => (one.model ? [{ ...one, model: one.model }] : []));

it.for(withModel)(
  "the kit passes the $name worker in every scenario",
  { timeout: 15 * 60_000 },
  async (language, { skip }) => {
    if (!(await build(language))) skip();
    const report = await runConformance([...language.model], { scenarios, skipped: new Set() });
    const passed = report.scenarios.filter(({ outcome }) => outcome === "passed");
    expect(
      passed.map(({ id }) => id),
      JSON.stringify(report, null, 1),
    ).toEqual(scenarios.map(({ id }) => id));
  },
);
