import { type Benchmark, type Context, interleave, type Result } from "./benchmark.js";
import { cpuPerRequest, memoryOf as memory } from "./hub-usage.js";
import { cpuPerQueued, fillQueue, HOUR_MS, type LongQueue } from "./long-queue.js";
import type { OpenLoop, Throughput } from "./peers/loads.js";
import type { Program } from "./program.js";
import { absolute, atMost, type Bounds, compared, type Row } from "./row.js";
import { type GibbsHub, startClient, startHub, startWorker } from "./systems.js";
import { poissonJobs, type Workload } from "./workload.js";

/** Workers per process, few enough to stay below its limit of open files. */
const WORKERS_PER_PROCESS = 2500;
/** Fewer than the smallest number of workers, so that none waits. */
const CALLERS = 8;
/**
 * 5,000 requests a second regardless of the number of workers, nearly all of which are idle even if
 * there are only ten.
 */
const STEADY: Workload = { workers: 10, load: 0.5, mix: [{ share: 1, ms: 1 }] };
const flat: Bounds = { floor: atMost(1.3), goal: atMost(1.1) };

/** The cost of a hub that holds many workers or requests. */
export const growth: Benchmark = {
  id: "B5",
  question:
    "CPU time of the hub for each request, and its memory, with many idle workers and a long queue",
  long: true,
  run,
};

async function run(context: Context): Promise<Result> {
  const counts = context.quick ? [10, 100] : [10, 100, 1000, 10_000];
  const workers = await withIdleWorkers(context, counts);
  await context.programs.stopAll();
  const bare = await withBareConnections(context, counts);
  await context.programs.stopAll();
  const queue = await withQueue(context);
  return {
    rows: [...workers.rows, ...bare.rows, ...queue.rows],
    details: { idleWorkers: workers.details, bare: bare.details, queue: queue.details },
  };
}

async function withIdleWorkers(context: Context, counts: readonly number[]): Promise<Result> {
  const rssPerWorker: Record<string, number> = {};
  const contenders: Record<string, Served> = {};
  for (const count of counts) {
    context.progress(`B5: ${count} idle workers connect`);
    const hub = await startIdleHub(context);
    const before = await memory(hub.program);
    await connectWorkers(context, hub, count);
    const after = await memory(hub.program);
    rssPerWorker[count] = (after.rssBytes - before.rssBytes) / count / 1024;
    contenders[count] = { hub, client: await startClient(context.programs, hub) };
  }
  const durationMs = context.quick ? 300 : 3000;
  const closed = ({ hub, client }: Served): Promise<number> =>
    cpuPerRequest(hub, async () => {
      const load = { callers: CALLERS, durationMs };
      const { answered, lost } = await client.ask<Throughput>("throughput", load);
      if (lost > 0) throw new Error(`${lost} requests were lost`);
      return answered;
    });
  const steady = ({ hub, client }: Served, round: number): Promise<number> =>
    cpuPerRequest(hub, async () => {
      const jobs = poissonJobs(STEADY, durationMs, round);
      await client.ask<OpenLoop>("openLoop", { jobs });
      return jobs.length;
    });
  // Twice, because most of the code is optimized only after about ten thousand requests.
  await interleave({ ...context, runs: 2 }, "B5, idle workers, warm-up", contenders, closed);
  const measured = {
    closed: await interleave(context, "B5, idle workers, in turn", contenders, closed),
    steady: await interleave(context, "B5, idle workers", contenders, steady),
  };
  const largest = counts.at(-1) ?? 0;
  const memoryOf = {
    benchmark: "B5",
    what: `RSS for each of ${largest} idle workers`,
    unit: "KiB",
  };
  return {
    rows: [
      ...growthRows(measured.steady, (count) => `hub CPU a request, ${count} idle workers`, flat),
      ...growthRows(measured.closed, (count) => `the same, ${CALLERS} callers in turn, ${count}`),
      absolute(memoryOf, [rssPerWorker[largest] ?? Number.NaN], { floor: atMost(40) }),
    ],
    details: { measured, rssPerWorker },
  };
}

/** A hub with its workers, and a client of it. */
interface Served {
  hub: GibbsHub;
  client: Program;
}

/** The same with bare HTTP/2: the cost of the connections alone. */
async function withBareConnections(context: Context, counts: readonly number[]): Promise<Result> {
  const { programs } = context;
  const contenders: Record<string, GibbsHub> = {};
  for (const count of counts) {
    const { program, ready } = await programs.node<{ address: string }>("echo-hub");
    const hub = { program, address: ready.address };
    for (let left = count; left > 0; left -= WORKERS_PER_PROCESS) {
      const workers = Math.min(left, WORKERS_PER_PROCESS);
      await programs.node("echo-workers", { hub: hub.address, workers });
    }
    contenders[count] = hub;
  }
  const durationMs = context.quick ? 300 : 3000;
  const measure = (hub: GibbsHub): Promise<number> =>
    cpuPerRequest(hub, async () => {
      const load = { callers: CALLERS, durationMs };
      return (await hub.program.ask<Throughput>("throughput", load)).answered;
    });
  await interleave({ ...context, runs: 1 }, "B5, bare HTTP/2, warm-up", contenders, measure);
  const measured = await interleave(context, "B5, bare HTTP/2", contenders, measure);
  return {
    rows: growthRows(measured, (count) => `bare HTTP/2 echo, ${count} connections`),
    details: { measured },
  };
}

/** A hub whose heartbeats are too rare to add to the cost of requests. */
function startIdleHub({ programs }: Context): Promise<GibbsHub> {
  return startHub(programs, {
    heartbeatIntervalMs: HOUR_MS,
    livenessTimeoutMs: 4 * HOUR_MS,
    hubTimeoutMs: 4 * HOUR_MS,
  });
}

async function connectWorkers({ programs }: Context, hub: GibbsHub, count: number): Promise<void> {
  for (let left = count; left > 0; left -= WORKERS_PER_PROCESS) {
    const workers = Math.min(left, WORKERS_PER_PROCESS);
    await startWorker(programs, hub, { handler: "echo", workers, slots: 1 });
  }
}

async function withQueue(context: Context): Promise<Result> {
  const lengths = context.quick ? [1, 1000] : [1, 1000, 100_000, 1_000_000];
  const bytesPerRequest: Record<string, number> = {};
  const contenders: Record<string, LongQueue> = {};
  for (const length of lengths) {
    context.progress(`B5: ${length} requests wait`);
    const queue = await fillQueue(context.programs, length);
    bytesPerRequest[length] = queue.bytesPerRequest;
    contenders[length] = queue;
  }
  const count = context.quick ? 2000 : 50_000;
  const measure = (queue: LongQueue): Promise<number> => cpuPerQueued(queue, count);
  await interleave({ ...context, runs: 1 }, "B5, queue, warm-up", contenders, measure);
  const measured = await interleave(context, "B5, queue", contenders, measure);
  const longest = lengths.at(-1) ?? 0;
  const memoryOf = {
    benchmark: "B5",
    what: `memory for each of ${longest} waiting`,
    unit: "bytes",
  };
  return {
    rows: [
      ...growthRows(measured, (length) => `hub CPU a request, ${length} waiting`, flat),
      absolute(memoryOf, [bytesPerRequest[longest] ?? Number.NaN], { floor: atMost(1024) }),
    ],
    details: { measured, bytesPerRequest },
  };
}

/** Compares each size with the smallest. */
function growthRows(
  measured: Record<string, number[] | undefined>,
  what: (size: string) => string,
  bounds: Bounds = {},
): Row[] {
  const [[smallest, least = []] = ["", []], ...larger] = Object.entries(measured);
  return larger.map(([size, costs = []]) => {
    const measure = { benchmark: "B5", what: what(size), unit: "us" };
    return compared(measure, costs, `itself with ${smallest}`, least, bounds);
  });
}
