import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { Client } from "../client/client.js";
import { countParser, jsonOption } from "./common.js";
import type { Run } from "./demo/model.js";
import { type Spawned, spawnGibbs } from "./demo/processes.js";
import { drawTimeline } from "./demo/timeline.js";
import { exitCodeHelp } from "./exit.js";
import { printLine } from "./output.js";

const REQUESTS = 10;
const WAIT_SECONDS = 0.25;
/** No-op requests sent before the clock starts, so that cold code is not measured. */
const WARM_UPS = 200;
const model = fileURLToPath(new URL("./demo/model.js", import.meta.url));

/** The result of sending ten requests to some number of workers. Times in milliseconds. */
interface Measurement {
  workers: number;
  tookMs: number;
  idealMs: number;
  requests: { input: number; pid: number; startMs: number; endMs: number; result: number }[];
}

export function demoCommand(): Command {
  return new Command("demo")
    .description(
      `${REQUESTS} concurrent callers of a ${WAIT_SECONDS * 1000} ms model: one worker, then four.`,
    )
    .option(
      "--runs <n>",
      "measure n times and print the median for four workers",
      countParser(1, 1000),
      1,
    )
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Starts its own hub and workers on a free port, and stops them at the end.

Examples:
  $ gibbs demo
  $ gibbs demo --runs 5
  $ gibbs demo --json

${exitCodeHelp}`,
    )
    .action(runDemo);
}

async function runDemo({ runs, json }: { runs: number; json: boolean }): Promise<void> {
  const say = (line: string): void => {
    if (!json) printLine(line);
  };
  const hub = await spawnGibbs(["hub", "--listen", "127.0.0.1:0"]);
  const address = hub.firstLine.split(" ").at(-1) ?? "";
  const client = new Client(address);
  const all: Measurement[] = [];
  try {
    say(
      `${REQUESTS} concurrent callers of a ${WAIT_SECONDS * 1000} ms model; the hub is at ${address}\n`,
    );
    for (const count of [1, 4]) {
      const workers = await startDemoWorkers(address, count);
      try {
        for (let run = 0; run < runs; run += 1) {
          const measured = await measure(client, count);
          all.push(measured);
          say(summary(measured));
        }
      } finally {
        await workers.stop();
      }
      const last = all.at(-1);
      if (last !== undefined) say(`${timelineOf(last)}\n`);
    }
  } finally {
    client.close();
    await hub.stop();
  }
  const four = all.filter(({ workers }) => workers === 4);
  const medianMs = median(four.map(({ tookMs }) => tookMs));
  const idealMs = four[0]?.idealMs ?? Number.NaN;
  const ratio = medianMs / idealMs;
  if (json) printLine(JSON.stringify({ runs: all, medianMs, idealMs, ratio }));
  else if (runs > 1) {
    const seconds = (medianMs / 1000).toFixed(3);
    printLine(`4 workers, median of ${runs}: ${seconds} s, ${ratio.toFixed(3)} x the ideal`);
  }
}

function startDemoWorkers(address: string, count: number): Promise<Spawned> {
  const args = JSON.stringify([WAIT_SECONDS]);
  return spawnGibbs(["worker", model, "--count", String(count), "--args", args, "--hub", address]);
}

async function measure(client: Client, workers: number): Promise<Measurement> {
  await warmUp(client);
  const inputs = Array.from({ length: REQUESTS }, (_, index) => index + 1);
  const startedAt = performance.timeOrigin + performance.now();
  const answers = await Promise.all(inputs.map((input) => client.request<Run>(input)));
  const tookMs = performance.timeOrigin + performance.now() - startedAt;
  const requests = answers.map(({ pid, start, end, result }, index) => {
    const input = inputs[index] ?? Number.NaN;
    return { input, pid, startMs: start - startedAt, endMs: end - startedAt, result };
  });
  const idealMs = Math.ceil(REQUESTS / workers) * WAIT_SECONDS * 1000;
  return { workers, tookMs, idealMs, requests };
}

async function warmUp(client: Client): Promise<void> {
  for (let sent = 0; sent < WARM_UPS; sent += REQUESTS) {
    await Promise.all(Array.from({ length: REQUESTS }, () => client.request(null)));
  }
}

function summary({ workers, tookMs, idealMs }: Measurement): string {
  const noun = workers === 1 ? "worker" : "workers";
  const [took, ideal] = [tookMs, idealMs].map((ms) => `${(ms / 1000).toFixed(3)} s`);
  return `${REQUESTS} requests, ${workers} ${noun}: ${took} (ideal ${ideal})`;
}

function timelineOf({ requests, tookMs }: Measurement): string {
  const runs = requests.map(({ result, pid, startMs: start, endMs: end }) => ({
    result,
    pid,
    start,
    end,
  }));
  return drawTimeline(runs, 0, tookMs);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle] ?? Number.NaN;
  return ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}
