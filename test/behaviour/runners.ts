import { join } from "node:path";
import { expect, type TestContext } from "vitest";
import { root, start } from "../support/running.js";
import { toolOrSkip } from "../support/tools.js";

/** Builds the runner of an SDK in another language, and returns its command, without arguments. */
export async function runnerOf(
  name: string,
  context: TestContext,
): Promise<readonly [string, ...string[]]> {
  const [language = "", how = ""] = name.split("-");
  if (language === "python") {
    await run("sdk/python", toolOrSkip("python3", context), "scripts/venv.py");
    return ["sdk/python/.venv/bin/python", "sdk/python/tests/behaviour", how];
  }
  const go = toolOrSkip("go", context);
  await run("sdk/go", go, "build", "-o", ".build/", "./internal/behaviour");
  return ["sdk/go/.build/behaviour", how];
}

async function run(folder: string, command: string, ...args: string[]): Promise<void> {
  const { code, stdout, stderr } = await start(command, args, { cwd: join(root, folder) }).ended;
  expect(code, `${command} ${args.join(" ")}\n${stdout}${stderr}`).toBe(0);
}
