import { describe, expect, it } from "vitest";
import { start } from "../support/running.js";

async function check(...args: string[]): Promise<{ code: number | null; text: string }> {
  const { code, stdout, stderr } = await start("node", ["scripts/check.js", ...args]).ended;
  return { code, text: stdout + stderr };
}

describe("npm run check", () => {
  it("runs the named checks, and says how long each took", async () => {
    const { code, text } = await check("faults");
    expect(text).toMatch(/^faults: passed in \d+\.\d s$/m);
    expect(text).toMatch(/^ +\d+\.\d s {2}faults\n\n1 passed, 0 failed\n$/m);
    expect(code).toBe(0);
  });

  it("lists the names, and says what each is for", async () => {
    const names = (await check("--list")).text.trim().split("\n");
    expect(names).toContain("lint");
    const { text } = await check("--help");
    for (const name of names) expect(text).toMatch(new RegExp(`^ {2}${name} +\\w`, "m"));
  });

  it("refuses an unknown name", async () => {
    const { code, text } = await check("lint", "typos");
    expect(text).toMatch(/^no check is named typos; the checks are generated, .*, docs\n$/);
    expect(code).toBe(2);
  });
});
