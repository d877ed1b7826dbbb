import { headline } from "./b1-headline.js";
import { latency } from "./b2-latency.js";
import { throughput } from "./b3-throughput.js";
import { scheduling } from "./b4-scheduling.js";
import { growth } from "./b5-growth.js";
import { payloads } from "./b6-payloads.js";
import { failover } from "./b7-failover.js";
import { cancel } from "./b8-cancel.js";
import type { Benchmark } from "./benchmark.js";
import { type Flags, help, readFlags } from "./flags.js";
import { findPeers, type Peers } from "./peers.js";
import { Programs } from "./program.js";
import { conditions, type Done, summary, writeReport } from "./report.js";
import { toTable } from "./table.js";

const benchmarks: readonly Benchmark[] = [
  headline,
  latency,
  throughput,
  scheduling,
  growth,
  payloads,
  failover,
  cancel,
];

const startedAt = performance.now();
const known = benchmarks.map(({ id }) => id);
const flags = readFlags(process.argv.slice(2), known);
if (flags === undefined) console.log(help);
else await main(flags);

async function main(flags: Flags): Promise<void> {
  const peers = findPeers();
  const where = conditions(peers, flags);
  if (peers.nats === undefined || peers.original === undefined) {
    progress("not all peers are installed, see bench/setup.sh: their figures will be missing");
  }
  const done: Done[] = [];
  for (const benchmark of benchmarks.filter((one) => isWanted(one, flags))) {
    done.push({ benchmark, result: await runOne(benchmark, peers, flags) });
  }
  const rows = done.flatMap(({ result }) => result.rows);
  console.log(`${toTable(rows)}\n\n${summary(rows)}`);
  if (flags.out === undefined) return;
  writeReport(flags.out, where, done);
  progress(`written to ${flags.out}`);
}

function isWanted({ id, long }: Benchmark, { only, full }: Flags): boolean {
  return only === undefined ? full || !long : only.includes(id);
}

async function runOne(benchmark: Benchmark, peers: Peers, flags: Flags): Promise<Done["result"]> {
  progress(`${benchmark.id}: ${benchmark.question}`);
  const programs = new Programs();
  const interrupted = (): void => {
    programs.killAll();
    process.exit(130);
  };
  process.once("SIGINT", interrupted).once("SIGTERM", interrupted);
  try {
    return await benchmark.run({ ...flags, peers, programs, progress });
  } finally {
    process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
    await programs.stopAll();
  }
}

function progress(line: string): void {
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  console.error(`${String(seconds).padStart(4)} s  ${line}`);
}
