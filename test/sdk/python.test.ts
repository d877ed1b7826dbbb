import { join } from "node:path";
import { describe, expect, it, type TestContext } from "vitest";
import { root, start } from "../support/running.js";
import { toolOrSkip } from "../support/tools.js";

const MINUTES = 60_000;
const sdk = join(root, "sdk/python");
const venv = join(sdk, ".venv");
const bin = (name: string): string => join(venv, "bin", name);

/** Runs a program in the SDK's folder. */
async function run(command: string, args: readonly string[], stdin = ""): Promise<string> {
  const { code, stdout, stderr } = await start(command, args, { cwd: sdk, stdin }).ended;
  if (code === 0) return stdout;
  throw new Error(`${command} ${args.join(" ")} ended with ${code}:\n${stdout}${stderr}`);
}

describe("the Python SDK", () => {
  const ready = async (context: TestContext): Promise<void> => {
    await run(toolOrSkip("python3", context), ["scripts/venv.py"]);
  };

  it("does what the contract and its documentation say", {
    timeout: 20 * MINUTES,
  }, async (context) => {
    await ready(context);
    // Not as a module: the installed package is under test, not the sources here.
    const output = await run(bin("pytest"), ["--quiet", "-rs"]);
    expect(output).toMatch(/\d+ passed/);
    for (const [skipped] of output.matchAll(/^SKIPPED.*$/gm)) console.warn(skipped);
  });

  it("is typed, for the oldest Python that it promises", {
    timeout: 5 * MINUTES,
  }, async (context) => {
    await ready(context);
    expect(await run(bin("mypy"), [])).toContain("no issues found");
  });

  it("is formatted and free of lint", { timeout: 5 * MINUTES }, async (context) => {
    await ready(context);
    const everything = ["--config", "pyproject.toml", ".", join(root, "test/soak/programs")];
    await run(bin("ruff"), ["check", ...everything]);
    await run(bin("ruff"), ["format", "--check", ...everything]);
  });

  it("has generated code that matches the .proto files", {
    timeout: 5 * MINUTES,
  }, async (context) => {
    await ready(context);
    const image = join(venv, "proto.binpb");
    await run(join(root, "node_modules/.bin/buf"), ["build", join(root, "proto"), "-o", image]);
    await run(bin("python"), ["scripts/check_generated.py", image]);
  });
});
