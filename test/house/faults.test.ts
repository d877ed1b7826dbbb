import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { start } from "../support/running.js";

const script = "scripts/check-faults.js";

/** Runs the script on a project with these lists. */
async function check(ids: string[], titles: string[], rows: string[]): Promise<unknown> {
  const root = mkdtempSync(join(tmpdir(), "gibbs-faults-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, "test/faults"), { recursive: true });
  mkdirSync(join(root, "docs"));
  writeFileSync(join(root, "package.json"), '{ "type": "module" }');
  const faults = ids.map((id) => ({ id, name: "a fault" }));
  writeFileSync(
    join(root, "test/faults/list.js"),
    `export const faults = ${JSON.stringify(faults)};`,
  );
  const tests = titles.map((title) => `it("${title}", async () => {});`).join("\n");
  writeFileSync(join(root, "test/faults/some.test.ts"), tests);
  const table = rows.map((id) => `| ${id} | a fault |`).join("\n");
  writeFileSync(join(root, "docs/reliability.md"), `| id | fault |\n|---|---|\n${table}\n`);
  const { code, stdout } = await start(process.execPath, [script, root]).ended;
  return { code, said: stdout.trimEnd().split("\n").slice(0, -1) };
}

describe("the check of faults", () => {
  it("passes when the list, the tests and the rows agree", async () => {
    const right = await check(["W1", "W2"], ["W1 one", "W2 two"], ["W1", "W2"]);
    expect(right).toEqual({ code: 0, said: [] });
  });

  it.each([
    [["W1", "W2"], ["W1 one"], ["W1", "W2"], "test/faults has no test of W2"],
    [["W1", "W2"], ["W1 one", "W2 two"], ["W1"], "docs/reliability.md has no row for W2"],
    [["W1"], ["W1 one", "W1 again"], ["W1"], "test/faults has two tests of W1"],
    [["W1"], ["W1 one"], ["W1", "W1"], "docs/reliability.md has W1 in two rows"],
    [["W1", "W1"], ["W1 one"], ["W1"], "test/faults/list.js has W1 twice"],
    [
      ["W1"],
      ["W1 one", "without an id"],
      ["W1"],
      'test/faults/some.test.ts: "without an id" does not begin with an id from test/faults/list.js',
    ],
    [
      ["W1"],
      ["W1 one"],
      ["W1", "X9"],
      "docs/reliability.md has a row for X9, which is not in test/faults/list.js",
    ],
    [
      ["W1", "W2"],
      ["W2 two", "W1 one"],
      ["W1", "W2"],
      "test/faults/some.test.ts has W1 in a different order than test/faults/list.js",
    ],
    [
      ["W1", "W2"],
      ["W1 one", "W2 two"],
      ["W2", "W1"],
      "docs/reliability.md has W1 in a different order than test/faults/list.js",
    ],
  ])(
    "reports, for the ids %j, the titles %j and the rows %j: %4$s",
    async (ids, titles, rows, problem) => {
      expect(await check(ids, titles, rows)).toEqual({ code: 1, said: [problem] });
    },
  );

  it("counts a skipped test as missing", async () => {
    const skipped = ['W1 one", async () => {}); it.skip("W2 two'];
    const wrong = { code: 1, said: ["test/faults has no test of W2"] };
    expect(await check(["W1", "W2"], skipped, ["W1", "W2"])).toEqual(wrong);
  });
});
