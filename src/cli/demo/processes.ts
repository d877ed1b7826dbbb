import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { gibbsError } from "../../base/errors/reasons.js";

const bin = fileURLToPath(new URL("../../../bin/gibbs.js", import.meta.url));

/** A `gibbs` command running as a separate process. */
export interface Spawned {
  /** The first line it printed. */
  firstLine: string;
  /** Sends SIGTERM and waits for the process to exit. */
  stop(): Promise<void>;
}

/**
 * Starts `gibbs` with `args` and waits for its first line.
 *
 * @throws GibbsError FAILED_PRECONDITION / START_FAILED if it exits before that.
 */
export async function spawnGibbs(args: readonly string[]): Promise<Spawned> {
  const child = spawn(process.execPath, [bin, ...args], {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const exited = once(child, "exit");
  const line = once(createInterface({ input: child.stdout as Readable }), "line");
  const first: unknown[] = await Promise.race([line, exited.then(() => [])]);
  if (typeof first[0] !== "string") {
    const message = `gibbs ${args.join(" ")} exited before it was ready: ${stderr.trim()}`;
    throw gibbsError("START_FAILED", message);
  }
  return { firstLine: first[0], stop: () => stop(child, exited) };
}

async function stop(child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  child.kill("SIGTERM");
  await exited;
}
