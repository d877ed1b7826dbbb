import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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

/** A virtual environment with the tools, kept until they change, and this package as it is now. */
async function install(context: TestContext): Promise<void> {
  const python = toolOrSkip("python3", context);
  const project = readFileSync(join(sdk, "pyproject.toml"), "utf8");
  const version = await run(python, ["--version"]);
  const wanted = createHash("sha256").update(project).update(version).digest("hex");
  const stamp = join(venv, "stamp");
  if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== wanted) {
    rmSync(venv, { recursive: true, force: true });
    mkdirSync(venv, { recursive: true });
    await run(python, ["-m", "venv", venv]);
    await run(bin("pip"), ["install", "--quiet", ".[dev]"]);
    writeFileSync(stamp, wanted);
  }
  const asItIs = ["--quiet", "--no-deps", "--no-build-isolation", "--force-reinstall"];
  await run(bin("pip"), ["install", ...asItIs, "."]);
}

describe("the Python SDK", () => {
  let installed: Promise<void> | undefined;
  const ready = (context: TestContext): Promise<void> => {
    installed ??= install(context);
    return installed;
  };

  it("does what the contract and its documentation say", {
    timeout: 20 * MINUTES,
  }, async (context) => {
    await ready(context);
    // Not as a module: what is installed is to be tested, not what lies here.
    expect(await run(bin("pytest"), ["--quiet"])).toMatch(/\d+ passed/);
  });

  it("is typed, for the oldest Python that it promises", {
    timeout: 5 * MINUTES,
  }, async (context) => {
    await ready(context);
    expect(await run(bin("mypy"), [])).toContain("no issues found");
  });

  it("is formatted and free of lint", { timeout: 5 * MINUTES }, async (context) => {
    await ready(context);
    await run(bin("ruff"), ["check", "."]);
    await run(bin("ruff"), ["format", "--check", "."]);
  });

  it("has generated code that is as the .proto files say", {
    timeout: 5 * MINUTES,
  }, async (context) => {
    await ready(context);
    const image = join(venv, "proto.binpb");
    await run(join(root, "node_modules/.bin/buf"), ["build", join(root, "proto"), "-o", image]);
    await run(bin("python"), ["scripts/check_generated.py", image]);
  });
});
