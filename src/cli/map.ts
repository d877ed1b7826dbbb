import { pipeline } from "node:stream/promises";
import { Command } from "commander";
import { systemClock } from "../base/clock.js";
import { checkRequestOptions } from "../base/options/check-request-options.js";
import { onShutdownSignals } from "../base/signals.js";
import { Client } from "../client/client.js";
import { clientOptionTable, mapOptionTable } from "../client/options.js";
import { jsonOption } from "./common.js";
import { ExitCode, exitCodeHelp, exitCodeOf, reportError } from "./exit.js";
import { openInputs, openOut } from "./map/files.js";
import { Progress } from "./map/progress.js";
import { MapRun } from "./map/run.js";
import { addFlags } from "./option-flags.js";
import { addRequestFlags, type RequestFlags, toRequestOptions } from "./request-flags.js";

interface MapFlags extends RequestFlags {
  concurrency: number;
  out?: string;
  keepGoing: boolean;
  json: boolean;
}

export function mapCommand(): Command {
  const command = new Command("map")
    .description("Send a request for each line of a file, and print the answers in its order.")
    .argument("<inputs>", "a file of JSON values, one on each line; - is stdin");
  addRequestFlags(command, clientOptionTable.connectTimeoutMs.default);
  return addFlags(command, mapOptionTable)
    .option("-o, --out <file>", "append the answers to a file; goes on after those that it has")
    .option("--keep-going", "print an error in the place of an answer, and go on", false)
    .addOption(jsonOption())
    .addHelpText("after", help)
    .action(runMap);
}

const help = `
Line 7 of the output is the answer to line 7 of the inputs, as JSON. An answer that
is bytes is {"data": "<base64>"}, a failure under --keep-going {"error": {...}}. Where
answers may look like that, --json tells them apart: {"value": ...}, {"data": ...} or
{"error": ...}, and how each came about.

It ends at the first failure, when all answers before it are written. --keep-going
goes on, but not when nothing ran: no hub, no worker, no time. A blank line fails, too.

Ctrl-C finishes what is under way. However a run ended, the same command with the same
--out goes on where it stopped; answers that were not written yet are asked for again.

Examples:
  $ gibbs map inputs.jsonl > answers.jsonl
  $ gibbs map inputs.jsonl --out answers.jsonl --keep-going
  $ zcat inputs.jsonl.gz | gibbs map - --method embed --concurrency 256 | gzip > answers.gz

${exitCodeHelp}`;

async function runMap(path: string, flags: MapFlags): Promise<void> {
  const options = toRequestOptions(flags);
  checkRequestOptions(options);
  const { stream, stats, bytes } = await openInputs(path);
  const out = flags.out === undefined ? undefined : await openOut(flags.out, stats);
  const client = new Client(flags.hub, { connectTimeoutMs: flags.connectTimeout });
  const { concurrency, keepGoing, json: describe } = flags;
  const skip = out?.lines ?? 0;
  const plan = { client, clock: systemClock, options, concurrency, keepGoing, describe, skip };
  const run = new MapRun(stream, plan);
  // Where the answers are seen on the terminal, they are the progress.
  const answersSeen = out === undefined && process.stdout.isTTY;
  const progress = answersSeen
    ? undefined
    : new Progress(process.stderr, systemClock, () => run, bytes);
  const say = (message: string): void =>
    progress === undefined ? console.error(message) : progress.say(message);

  const stopListening = onShutdownSignals(
    () => {
      say("gibbs map: finishing what is under way; a second signal stops at once");
      run.drain();
    },
    () => run.giveUp(),
  );
  if (out !== undefined) tellFound(out, flags, say);
  try {
    if (out === undefined) await pipeline(run.lines(), process.stdout, { end: false });
    else await pipeline(run.lines(), out.stream);
  } finally {
    stopListening();
    progress?.stop();
    client.close();
  }
  process.exitCode = conclude(run, path, flags);
}

function tellFound(
  { lines, tornBytes }: { lines: number; tornBytes: number },
  { out }: MapFlags,
  say: (message: string) => void,
): void {
  if (tornBytes > 0) {
    say(`gibbs map: cut off the last ${tornBytes} bytes of ${out}: a line that was not finished`);
  }
  if (lines > 0) say(`gibbs map: ${out} has ${lines} lines already; going on after them`);
}

/** Tells how the run ended, and returns the exit code for it. */
function conclude(
  { failure, failed, done, isComplete }: MapRun,
  path: string,
  flags: MapFlags,
): number {
  const written = `gibbs map: ${done} lines are written`;
  const resume =
    flags.out === undefined
      ? "only a run with --out can be resumed"
      : "run the same again to resume";
  if (failure !== undefined) {
    const { error, line } = failure;
    if (line === undefined) throw error;
    reportError(error, flags.json, { file: path === "-" ? "stdin" : path, line });
    console.error(`${written}; ${resume}`);
    return exitCodeOf(error);
  }
  if (!isComplete) {
    console.error(`${written}, not all; ${resume}`);
    return ExitCode.INTERRUPTED;
  }
  if (failed === 0) return ExitCode.OK;
  console.error(`${written}, ${failed} by this run are errors`);
  return ExitCode.REQUEST_FAILED;
}
