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
    .description("Send one request per line of a file, and print the answers in input order.")
    .argument("<inputs>", "a file with one JSON value per line; - is stdin");
  addRequestFlags(command, clientOptionTable.connectTimeoutMs.default);
  return addFlags(command, mapOptionTable)
    .option("-o, --out <file>", "append the answers to a file, resuming after any already there")
    .option("--keep-going", "print an error instead of the answer, and continue", false)
    .addOption(jsonOption())
    .addHelpText("after", help)
    .action(runMap);
}

const help = `
Line 7 of the output is the answer to line 7 of the input, as JSON. Bytes are printed
as {"data": "<base64>"}, failures under --keep-going as {"error": {...}}. If answers may
look like these, use --json: each line is then {"value": ...}, {"data": ...} or
{"error": ...}, with details of how it was produced.

A run stops at the first failure, after writing all answers before it. With
--keep-going it continues, unless the request could not run: no hub, no worker, no time
left. A blank line is a failure, too.

Ctrl-C lets the requests in flight finish. However a run ended, run the same command with
the same --out to resume; answers not yet written are requested again.

Examples:
  $ gibbs map inputs.jsonl > answers.jsonl
  $ gibbs map inputs.jsonl --out answers.jsonl --keep-going
  $ zcat inputs.jsonl.gz | gibbs map - --method embed --concurrency 256 | gzip > answers.gz

Retry the inputs that failed under --keep-going:
  $ paste answers.jsonl inputs.jsonl | grep '^{"error":' | cut -f 2- > again.jsonl
  $ gibbs map again.jsonl

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
  // Answers printed to a terminal already show the progress.
  const answersSeen = out === undefined && process.stdout.isTTY;
  const progress = answersSeen
    ? undefined
    : new Progress(process.stderr, systemClock, () => run, bytes);
  const say = (message: string): void =>
    progress === undefined ? console.error(message) : progress.say(message);

  const stopListening = onShutdownSignals(
    () => {
      say("gibbs map: finishing requests in flight; a second signal stops at once");
      run.drain();
    },
    () => run.giveUp(),
  );
  if (out !== undefined) reportFound(out, flags, say);
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

function reportFound(
  { lines, tornBytes }: { lines: number; tornBytes: number },
  { out }: MapFlags,
  say: (message: string) => void,
): void {
  if (tornBytes > 0) {
    say(`gibbs map: cut off the last ${tornBytes} bytes of ${out}, an unfinished line`);
  }
  if (lines > 0) say(`gibbs map: ${out} has ${lines} lines already; resuming after them`);
}

/** Reports how the run ended and returns its exit code. */
function conclude(
  { failure, failed, done, isComplete }: MapRun,
  path: string,
  flags: MapFlags,
): number {
  const written = `gibbs map: ${done} lines written`;
  const resume =
    flags.out === undefined
      ? "only a run with --out can be resumed"
      : "run the same command again to resume";
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
  console.error(`${written}, including ${failed} errors from this run`);
  return ExitCode.REQUEST_FAILED;
}
