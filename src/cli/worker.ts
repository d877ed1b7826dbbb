import { Command, InvalidArgumentError } from "commander";
import { delay, systemClock } from "../base/clock.js";
import { workersDefaults } from "../base/options.js";
import { onShutdownSignals } from "../base/signals.js";
import { startWorkers, type Workers } from "../worker/workers.js";
import {
  createLogger,
  hubOption,
  jsonOption,
  logLevelOption,
  parseCount,
  parseDuration,
} from "./common.js";
import { ExitCode, exitCodeHelp } from "./exit.js";
import { printLine } from "./output.js";

/** A worker that has found no hub for so long says so. */
const QUIET_MS = 1000;

interface WorkerFlags {
  hub: string;
  count: number;
  args: unknown[];
  method: string;
  idempotent?: boolean;
  workerId?: string;
  killGrace: number;
  stacks: boolean;
  logLevel: string;
  json: boolean;
}

export function workerCommand(): Command {
  return new Command("worker")
    .description("Serve the default export of a module from processes of their own.")
    .argument(
      "<module>",
      "a .js or .ts module: a function, a class with call(input), or an object of those by method",
    )
    .addOption(hubOption())
    .option(
      "-n, --count <n>",
      "processes, each with one request at a time",
      parseCount,
      workersDefaults.count,
    )
    .option("--args <json>", "constructor arguments, a JSON array", parseArgs, [])
    .option("--method <name>", "the method that a single handler serves", "")
    .option("--idempotent", "its requests may run again when a process is lost")
    .option("--worker-id <label>", "a label for people (default: host, process id, number)")
    .option(
      "--kill-grace <time>",
      "how long a cancelled handler may go on",
      parseDuration,
      workersDefaults.killGraceMs,
    )
    .option("--stacks", "send the stacks of errors to callers", false)
    .addOption(logLevelOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Examples:
  $ gibbs worker ./model.js
  $ gibbs worker ./model.js --count 4 --args '[0.25]'
  $ gibbs worker ./ocr.ts --method ocr --hub 10.0.0.7:5019

SIGTERM and Ctrl-C let the requests that run finish.

${exitCodeHelp}`,
    )
    .action(runWorker);
}

async function runWorker(module: string, flags: WorkerFlags): Promise<void> {
  const { hub, count, args, method, idempotent, workerId } = flags;
  const starting = new AbortController();
  let workers: Workers | undefined;
  onShutdownSignals(
    () => {
      console.error("gibbs worker: finishing what runs; a second signal stops at once");
      if (workers === undefined) starting.abort();
      else void workers.drain();
    },
    () => {
      process.exitCode = ExitCode.INTERRUPTED;
      void workers?.close();
    },
  );
  workers = await startWorkers(module, {
    hub,
    count,
    args,
    method,
    killGraceMs: flags.killGrace,
    sendStacks: flags.stacks,
    logger: createLogger(flags.logLevel),
    signal: starting.signal,
    ...(idempotent !== undefined && { idempotent }),
    ...(workerId !== undefined && { workerId }),
  });
  if (await connected(workers, hub)) {
    const { pids } = workers;
    const ready = `gibbs worker ready: ${pids.length} processes serve ${hub}`;
    printLine(flags.json ? JSON.stringify({ hub, pids }) : ready);
  }
  await workers.stopped;
}

/** Waits for the hub, and says so if that takes long. */
async function connected(workers: Workers, hub: string): Promise<boolean> {
  const waiting = new AbortController();
  void delay(systemClock, QUIET_MS, waiting.signal).then(() => {
    if (waiting.signal.aborted) return;
    console.error(`gibbs worker: no hub at ${hub} yet, dialling; is one running there?`);
  });
  try {
    await workers.connected;
    return true;
  } catch {
    // Whether that is a failure is told by `stopped`.
    return false;
  } finally {
    waiting.abort();
  }
}

function parseArgs(text: string): unknown[] {
  try {
    const args: unknown = JSON.parse(text);
    if (Array.isArray(args)) return args;
  } catch {
    // Told below.
  }
  throw new InvalidArgumentError("Write a JSON array, such as '[0.25]'.");
}
