import { Command } from "commander";
import { delay, systemClock } from "../base/clock.js";
import { onShutdownSignals } from "../base/signals.js";
import { workersOptionTable } from "../worker/options.js";
import { startWorkers, type Workers } from "../worker/workers.js";
import { createLogger, jsonOption, logLevelOption } from "./common.js";
import { ExitCode, exitCodeHelp } from "./exit.js";
import { addFlags, readFlags } from "./option-flags.js";
import { printLine } from "./output.js";

/** How long a worker looks for its hub before saying so. */
const QUIET_MS = 1000;

interface WorkerFlags {
  hub: string;
  logLevel: string;
  json: boolean;
}

export function workerCommand(): Command {
  const command = new Command("worker")
    .description("Serve a module's default export from separate processes.")
    .argument(
      "<module>",
      "a .js or .ts module: a function, a class with call(input), or an object that maps method names to either",
    );
  return addFlags(command, workersOptionTable)
    .addOption(logLevelOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Examples:
  $ gibbs worker ./model.js
  $ gibbs worker ./model.js --count 4 --args '[0.25]'
  $ gibbs worker ./ocr.ts --method ocr --hub 10.0.0.7:5019

SIGTERM and Ctrl-C let running requests finish.

${exitCodeHelp}`,
    )
    .action(runWorker);
}

async function runWorker(module: string, flags: WorkerFlags): Promise<void> {
  const { hub } = flags;
  const starting = new AbortController();
  let workers: Workers | undefined;
  onShutdownSignals(
    () => {
      console.error("gibbs worker: finishing running requests; a second signal stops at once");
      if (workers === undefined) starting.abort();
      else void workers.drain();
    },
    () => {
      process.exitCode = ExitCode.INTERRUPTED;
      void workers?.close();
    },
  );
  workers = await startWorkers(module, {
    ...readFlags(workersOptionTable, { ...flags }),
    logger: createLogger(flags.logLevel),
    signal: starting.signal,
  });
  if (await connected(workers, hub)) {
    const { pids } = workers;
    const serve = pids.length === 1 ? "process serves" : "processes serve";
    const where = hub.includes(",") ? `one of ${hub}` : hub;
    const ready = `gibbs worker ready: ${pids.length} ${serve} ${where}`;
    printLine(flags.json ? JSON.stringify({ hub, pids }) : ready);
  }
  await workers.stopped;
}

/**
 * Waits for the hub, and says so if that takes long. Resolves to false if the workers stop first.
 */
async function connected(workers: Workers, hub: string): Promise<boolean> {
  const waiting = new AbortController();
  void delay(systemClock, QUIET_MS, waiting.signal).then(() => {
    if (waiting.signal.aborted) return;
    console.error(`gibbs worker: no hub at ${hub} yet, retrying; is one running there?`);
  });
  try {
    await workers.connected;
    return true;
  } catch {
    // `stopped` decides whether this is a failure.
    return false;
  } finally {
    waiting.abort();
  }
}
