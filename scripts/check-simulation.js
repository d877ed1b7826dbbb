// Runs the simulation over 2,000 fixed seeds and, in parallel, over 2,000 seeds starting at a
// number derived from the commit's hash: each commit tries new seeds, and always the same ones.
import { spawn, spawnSync } from "node:child_process";

const SEEDS = 2000;

/** The first additional seed if the commit is unknown. */
const FALLBACK_SEED = 30_000_001;

const root = new URL("..", import.meta.url).pathname;

// Only the fixed seeds must reach every situation: the others may miss a rare one.
const runs = [
  ["--seeds", String(SEEDS)],
  ["--seeds", String(SEEDS), "--from", String(seedOfCommit()), "--may-miss"],
];
const statuses = await Promise.all(runs.map(run));
process.exitCode = statuses.every((status) => status === 0) ? 0 : 1;

/** Returns seven digits of the hash, so that the seeds fit into 32 bits, plus 1. */
function seedOfCommit() {
  const { stdout, status } = spawnSync("git", ["rev-parse", "HEAD"], {
    cwd: root,
    encoding: "utf8",
  });
  const hash = status === 0 ? stdout.trim() : "";
  if (/^[0-9a-f]{40}/.test(hash)) return 1 + Number.parseInt(hash.slice(0, 7), 16);
  console.log(
    `WARNING: the commit is unknown (git rev-parse HEAD failed): the additional seeds start at ${FALLBACK_SEED}, as in every such run`,
  );
  return FALLBACK_SEED;
}

/** Resolves with the exit code once the run's output has been printed in one piece. */
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
