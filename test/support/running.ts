import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { onTestFinished } from "vitest";
import { Client } from "../../src/client/client.js";
import type { ClientOptions } from "../../src/client/options.js";
import { Hub } from "../../src/hub/hub.js";
import type { HubOptions } from "../../src/hub/options.js";
import type { Handlers } from "../../src/worker/handler.js";
import type { WorkerOptions } from "../../src/worker/options.js";
import { Worker } from "../../src/worker/worker.js";
import { root } from "./root.js";

export { root } from "./root.js";

/** Starts a hub that listens in this process, closed when the test ends. */
export async function startHub(options: HubOptions = {}): Promise<Hub> {
  const hub = new Hub({ listen: "127.0.0.1:0", ...options });
  await hub.listen();
  onTestFinished(() => hub.close());
  return hub;
}

/** Starts a worker in this process and connects it; closed when the test ends. */
export async function startWorker(
  hub: Hub | string,
  handlers: Handlers,
  options: WorkerOptions = {},
): Promise<Worker> {
  const address = typeof hub === "string" ? hub : hub.address;
  const worker = new Worker(handlers, { hub: address, handleSignals: false, ...options });
  const ended = worker.run();
  onTestFinished(async () => {
    await worker.close();
    await ended;
  });
  await Promise.race([worker.connected, ended]);
  return worker;
}

/** A client of the hub, closed when the test ends. */
export function startClient(hub: Hub | string, options: ClientOptions = {}): Client {
  const client = new Client(typeof hub === "string" ? hub : hub.address, options);
  onTestFinished(() => client.close());
  return client;
}

/** A process started by a test. */
export interface Running {
  process: ChildProcess;
  /** The lines of its stdout so far. */
  lines: string[];
  /** Resolves with the first line of stdout that matches, including earlier ones. */
  line(pattern: RegExp): Promise<string>;
  /** Resolves when stderr matches the pattern. */
  says(pattern: RegExp): Promise<void>;
  /** Resolves when it has exited, with its output. */
  ended: Promise<{ code: number | null; signal: string | null; stdout: string; stderr: string }>;
}

/** Starts a process; it is killed when the test ends. */
export function start(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string>; stdin?: string } = {},
): Running {
  const child = spawn(command, args, {
    cwd: options.cwd ?? root,
    env: { ...process.env, ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.end(options.stdin ?? "");
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line);
    for (const look of waiting) look();
  });
  const ended = once(child, "close").then(([code, signal]) => {
    for (const look of waiting) look();
    return { code: code as number | null, signal: signal as string | null, stdout, stderr };
  });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  const line = (pattern: RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = lines.find((one) => pattern.test(one));
        if (found !== undefined) resolve(found);
        else if (child.exitCode !== null || child.signalCode !== null) {
          reject(
            new Error(`${command} ${args.join(" ")} ended without ${pattern}:\n${stdout}${stderr}`),
          );
        } else return;
        waiting.delete(look);
      };
      waiting.add(look);
      look();
    });
  const says = (pattern: RegExp): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (pattern.test(stderr)) resolve();
      };
      child.stderr.on("data", look);
      look();
    });
  return { process: child, lines, line, says, ended };
}

/** Starts a `gibbs` command from the build. */
export function gibbs(args: readonly string[], options: Parameters<typeof start>[2] = {}): Running {
  return start(process.execPath, ["bin/gibbs.js", ...args], options);
}

/** Starts a hub process on a free port and returns it with its address. */
export async function gibbsHub(listen = "127.0.0.1:0"): Promise<Running & { address: string }> {
  const hub = gibbs(["hub", "--listen", listen]);
  const line = await hub.line(/^gibbs hub listening on /);
  return { ...hub, address: line.split(" ").at(-1) ?? "" };
}

/**
 * Starts a hub process with options that the command does not offer; returns it with its address.
 */
export async function hubProcess(
  options: Omit<HubOptions, "logger" | "clock"> = {},
  execArgv: readonly string[] = [],
): Promise<Running & { address: string }> {
  const program = "test/fixtures/hub.js";
  const hub = start(process.execPath, [...execArgv, program, JSON.stringify(options)]);
  const line = await hub.line(/^listening on /);
  return { ...hub, address: line.split(" ").at(-1) ?? "" };
}
