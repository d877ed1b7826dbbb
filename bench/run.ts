import { headline } from "./b1-headline.js";
import { latency } from "./b2-latency.js";
import { throughput } from "./b3-throughput.js";
import { scheduling } from "./b4-scheduling.js";
import { growth } from "./b5-growth.js";
import { payloads } from "./b6-payloads.js";
import { failover } from "./b7-failover.js";
import { cancel } from "./b8-cancel.js";
import { endurance } from "./b9-endurance.js";
import type { Benchmark, Context } from "./benchmark.js";
import { type Flags, help, readFlags } from "./flags.js";
import { HostLoad } from "./host-load.js";
import { findPeers } from "./peers.js";
import { Programs } from "./program.js";
import { pythonBenchmarks } from "./python.js";
import { conditions, type Done, summary, writeReport } from "./report.js";

const benchmarks: readonly Benchmark[] = [
  headline,
  latency,
  throughput,
  scheduling,
  growth,
  payloads,
  failover,
  cancel,
  endurance,
  ...pythonBenchmarks,
];

const startedAt = performance.now();
const known = benchmarks.map(({ id }) => id);
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130));
await main();

async function main(): Promise<void> {
  let flags: Flags | undefined;
  try {
    flags = readFlags(process.argv.slice(2), known);
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${help}`);
    process.exitCode = 2;
    return;
  }
  if (flags === undefined) console.log(help);
  else await measure(flags);
}

async function measure(flags: Flags): Promise<void> {
  const peers = findPeers();
  const where = conditions(peers, flags);
  if (Object.values(peers).includes(undefined)) {
    progress("not all peers are installed, see bench/setup.sh: their figures will be missing");
  }
  const host = new HostLoad();
  const done: Done[] = [];
  for (const benchmark of benchmarks.filter((one) => isWanted(one, flags))) {
    done.push(await runOne(benchmark, { ...flags, peers, host, progress }));
  }
  const loadDuring = host.stop();
  console.log(summary(done));
  progress(`during the run: ${loadDuring}`);
  if (done.some(({ failure }) => failure !== undefined)) process.exitCode = 1;
  if (flags.out === undefined) return;
  writeReport(flags.out, { ...where, loadDuring }, done);
  progress(`written to ${flags.out}`);
}

function isWanted({ id, long }: Benchmark, { only, full }: Flags): boolean {
  return only === undefined ? full || !long : only.includes(id);
}

/** Runs a benchmark. If it fails, the others still run. */
async function runOne(benchmark: Benchmark, context: Omit<Context, "programs">): Promise<Done> {
  progress(`${benchmark.id}: ${benchmark.question}`);
  const programs = new Programs();
  const killAll = (): void => programs.killAll();
  process.once("exit", killAll);
  try {
    return { benchmark, result: await benchmark.run({ ...context, programs }) };
  } catch (error) {
    progress(`${benchmark.id} failed: ${(error as Error).stack}`);
    return { benchmark, result: { rows: [] }, failure: (error as Error).message };
  } finally {
    await programs.stopAll();
    process.off("exit", killAll);
  }
}

function progress(line: string): void {
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  console.error(`${String(seconds).padStart(4)} s  ${line}`);
}
