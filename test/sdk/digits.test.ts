import { expect, it } from "vitest";
import { start } from "../support/running.js";
import { toolOrSkip } from "../support/tools.js";

it("serves a trained model whose predictions match those that it makes locally", {
  timeout: 20 * 60_000,
}, async (context) => {
  toolOrSkip("python3", context);
  const { code, stdout, stderr } = await start("bash", ["examples/digits/run.sh"]).ended;
  expect(code, stdout + stderr).toBe(0);
  const all = /^predictions equal to local: (\d+) of \1$/m.exec(stdout);
  expect(Number(all?.[1]), stdout).toBeGreaterThan(100);
  const accuracy = /^accuracy: ([\d.]+)$/m.exec(stdout);
  expect(Number(accuracy?.[1]), stdout).toBeGreaterThan(0.9);
});
