import { Command, InvalidArgumentError } from "commander";
import { delay, systemClock } from "../base/clock.js";
import { workersDefaults } from "../base/options.js";
import { onShutdownSignals } from "../base/signals.js";
import { startWorkers } from "../worker/workers.js";
import {
  createLogger,
  hubOption,
  jsonOption,
  logLevelOption,
  parseCount,
  parseDuration,
} from "./common.js";
import { ExitCode, exitCodeHelp } from "./exit.js";

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
  const workers = await startWorkers(module, {
    hub,
    count,
    args,
    method,
    killGraceMs: flags.killGrace,
    sendStacks: flags.stacks,
    logger: createLogger(flags.logLevel),
    ...(idempotent !== undefined && { idempotent }),
    ...(workerId !== undefined && { workerId }),
  });
  onShutdownSignals(
    () => {
      console.error("gibbs worker: finishing what runs; a second signal stops at once");
      void workers.drain();
    },
    () => {
      process.exitCode = ExitCode.INTERRUPTED;
      void workers.kill();
    },
  );
  const connected = new AbortController();
  void delay(systemClock, QUIET_MS, connected.signal).then(() => {
    if (connected.signal.aborted) return;
    console.error(`gibbs worker: no hub at ${hub} yet, dialling; is one running there?`);
  });
  await Promise.race([workers.connected, workers.stopped]);
  connected.abort();
  const { pids } = workers;
  console.log(
    flags.json
      ? JSON.stringify({ hub, pids })
      : `gibbs worker ready: ${pids.length} processes serve ${hub}`,
  );
  await workers.stopped;
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
