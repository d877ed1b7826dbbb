import { cpuPerQueued, fillQueue } from "./long-queue.js";
import type { Throughput } from "./peers/loads.js";
import type { Program, Programs } from "./program.js";
import { percentile } from "./stats.js";
import { startClient, startGibbs, twoWorkers } from "./systems.js";

/** A measurement for comparing two builds: a time, so lower is better. */
export interface PairedQuestion {
  /** The id of the benchmark it is taken from. */
  id: string;
  what: string;
  unit: string;
  /** Starts and warms up a system; the returned function measures it once. */
  start(programs: Programs, quick: boolean): Promise<() => Promise<number>>;
}

const WARM_UP = { callers: 64, durationMs: 6000 };
const QUICK_WARM_UP = { callers: 64, durationMs: 300 };

/** The measurements that a change to the hot path might make worse. */
export const pairedQuestions: readonly PairedQuestion[] = [
  {
    id: "B2",
    what: "one at a time, p50",
    unit: "us",
    start: (programs, quick) => startLatency(programs, quick),
  },
  {
    id: "B2U",
    what: "one at a time, unary, p50",
    unit: "us",
    start: (programs, quick) => startLatency(programs, quick, "unary"),
  },
  { id: "B3", what: "256 callers, time per request", unit: "us", start: startThroughput },
  { id: "B5", what: "hub CPU per request, 1,000,000 waiting", unit: "us", start: startQueue },
  { id: "B9", what: "1,000,000 requests, time per request", unit: "us", start: startEndurance },
];

async function startSystem(
  programs: Programs,
  quick: boolean,
  transport?: "unary",
): Promise<Program> {
  const hub = await startGibbs(programs, twoWorkers);
  const client = await startClient(programs, hub, transport && { transport });
  await client.ask("throughput", quick ? QUICK_WARM_UP : WARM_UP);
  return client;
}

async function startLatency(
  programs: Programs,
  quick: boolean,
  transport?: "unary",
): Promise<() => Promise<number>> {
  const client = await startSystem(programs, quick, transport);
  const count = quick ? 200 : 2000;
  return async () => percentile(await client.ask<number[]>("latency", { count }), 0.5);
}

async function startThroughput(programs: Programs, quick: boolean): Promise<() => Promise<number>> {
  const client = await startSystem(programs, quick);
  const load = { callers: 256, durationMs: quick ? 300 : 1500 };
  return async () => 1e6 / checked(await client.ask<Throughput>("throughput", load)).perSecond;
}

async function startQueue(programs: Programs, quick: boolean): Promise<() => Promise<number>> {
  const queue = await fillQueue(programs, quick ? 1000 : 1_000_000);
  const count = quick ? 2000 : 50_000;
  await cpuPerQueued(queue, count);
  return () => cpuPerQueued(queue, count);
}

/** A million in total, over three starts of five rounds each. */
async function startEndurance(programs: Programs, quick: boolean): Promise<() => Promise<number>> {
  const client = await startSystem(programs, quick);
  const load = { callers: 256, count: quick ? 2000 : 66_667 };
  return async () => 1e6 / checked(await client.ask<Throughput>("requests", load)).perSecond;
}

function checked(part: Throughput): Throughput {
  if (part.lost > 0) throw new Error(`${part.lost} requests were lost`);
  return part;
}
