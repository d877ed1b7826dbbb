// Runs the simulation over 2,000 seeds that are always the same and, at the same time, over
// 2,000 that begin at a number made from the commit's hash: each commit tries some that no
// check has tried before, and the same commit always the same ones.
import { spawn, spawnSync } from "node:child_process";

const SEEDS = 2000;

/** The first of the further seeds where no commit is known. */
const FALLBACK_SEED = 30_000_001;

const root = new URL("..", import.meta.url).pathname;

// Only the fixed seeds must see all that can happen: others may miss something rare.
const runs = [
  ["--seeds", String(SEEDS)],
  ["--seeds", String(SEEDS), "--from", String(seedOfCommit()), "--may-miss"],
];
const statuses = await Promise.all(runs.map(run));
process.exitCode = statuses.every((status) => status === 0) ? 0 : 1;

/** Seven digits of the hash, so that the seeds stay within 32 bits; from 1 on. */
function seedOfCommit() {
  const { stdout, status } = spawnSync("git", ["rev-parse", "HEAD"], {
    cwd: root,
    encoding: "utf8",
  });
  const hash = status === 0 ? stdout.trim() : "";
  if (/^[0-9a-f]{40}/.test(hash)) return 1 + Number.parseInt(hash.slice(0, 7), 16);
  console.log(
    `WARNING: no commit is known here (git rev-parse HEAD fails): the further seeds begin at ${FALLBACK_SEED}, as in every such run`,
  );
  return FALLBACK_SEED;
}

/** Resolves with the exit code, after what the run printed was shown in one piece. */
function run(args) {
  const child = spawn(process.execPath, ["--import", "tsx", "test/sim/main.ts", ...args], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let printed = "";
  child.stdout.on("data", (chunk) => {
    printed += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) => {
      console.log(`\nnpm run sim -- ${args.join(" ")}\n\n${printed}`);
      resolve(status);
    });
  });
}
