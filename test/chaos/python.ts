import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { root } from "../support/root.js";
import { findTool } from "../support/tools.js";

const sdk = join(root, "sdk/python");

/** The interpreter with our Python SDK, once it is installed. */
export const sdkPython: string = join(sdk, ".venv/bin/python");

/**
 * Installs our Python SDK in its current state. Returns false, after a warning, if there is no
 * Python.
 *
 * @throws Error under CI, which must have it.
 */
export function installPython(): boolean {
  const python = findTool("python3", "Python clients and workers in the chaos run");
  if (python === undefined) return false;
  execFileSync(python, [join(sdk, "scripts/venv.py")], { stdio: ["ignore", "ignore", "inherit"] });
  return true;
}
