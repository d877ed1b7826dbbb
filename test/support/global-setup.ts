import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";

const MARK = "GIBBS_TEST_RUN";

/** Tags this run in the environment of every process that it starts, directly or indirectly. */
const run = randomUUID();

/** Before all tests: builds what the process tests run. */
export function setup(): void {
  execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-b", "tsconfig.build.json"], {
    stdio: "inherit",
  });
  process.env[MARK] = run;
}

/** After all tests: checks that no process that they started is left. */
export function teardown(): void {
  if (!existsSync("/proc/self/environ")) {
    console.warn("LEFTOVER PROCESSES ARE NOT CHECKED: this system has no /proc");
    return;
  }
  const left = processesMarked(`${MARK}=${run}`);
  if (left.length > 0) throw new Error(`tests left processes behind:\n${left.join("\n")}`);
}

function processesMarked(mark: string): string[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids
    .filter((pid) => Number(pid) !== process.pid && read(pid, "environ").includes(mark))
    .map((pid) => `${pid} ${read(pid, "cmdline").replaceAll("\0", " ")}`)
    .filter((line) => !/vitest|esbuild/.test(line));
}

function read(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return "";
  }
}
