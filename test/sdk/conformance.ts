import { expect, it } from "vitest";
import { runConformance } from "../../conformance/run.js";
import { scenarios } from "../../conformance/scenarios/index.js";
import { build, languages } from "./languages.js";

const models = languages.flatMap((language) =>
  language.models.map((model) => ({ language, model, name: language.name, how: model.at(-1) })),
);

it.for(models)(
  "the kit passes the $name worker in every scenario that it claims: $how",
  { timeout: 15 * 60_000 },
  async ({ language, model }, { skip }) => {
    if (!(await build(language))) skip();
    const skipped = new Set(language.notClaimed);
    const report = await runConformance([...model], { scenarios, skipped });
    const passed = report.scenarios.filter(({ outcome }) => outcome === "passed");
    expect(
      passed.map(({ id }) => id),
      JSON.stringify(report, null, 1),
    ).toEqual(scenarios.map(({ id }) => id).filter((id) => !skipped.has(id)));
  },
);
