import { spawnSync } from "node:child_process";
import { homedir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "vitest";

/**
 * Finds the command `name`, in PATH or where `go install` puts it. If it is not installed, warns
 * and returns undefined; under CI, throws.
 */
export function findTool(name: string, missing: string): string | undefined {
  for (const command of [name, join(homedir(), "go/bin", name)]) {
    if (spawnSync(command, ["--version"]).error === undefined) return command;
  }
  if (process.env["CI"] === "true")
    throw new Error(`${name} is not installed, and CI must have it`);
  console.warn(`SKIPPED: ${missing}: ${name} is not installed`);
  return undefined;
}

/** Like {@link findTool}, but skips the test if the command is not installed. */
export function toolOrSkip(name: string, context: TestContext): string {
  return findTool(name, context.task.name) ?? context.skip();
}
