import { type Benchmark, type Context, interleave, type Result } from "./benchmark.js";
import { centralQueue } from "./ideal.js";
import type { OpenLoop } from "./peers/loads.js";
import { NOT_INSTALLED } from "./peers.js";
import { atMost, compared, type Row } from "./row.js";
import { percentile } from "./stats.js";
import {
  type Layout,
  startClient,
  startGibbs,
  startGrpcClient,
  startGrpcServers,
  startNats,
} from "./systems.js";
import { drawTails } from "./tails.js";
import { poissonJobs, shortAndLong, type TimedJob, type Workload } from "./workload.js";

/**
 * Eight workers in two processes, each running one job at a time: a job is a timer and needs no
 * core.
 */
const eightWorkers: Layout = { handler: "timed", processes: 2, workers: 4, slots: 1 };

/** Jobs that arrive during this time are ignored, because the queue starts empty. */
const RAMP_MS = 1000;
/** The warm-up of each system: many jobs that take no time. */
const warmUp: Workload = { workers: 8, load: 0.3, mix: [{ share: 1, ms: 1 }] };
const WARM_UP_MS = 6000;
/** More than can ever wait, even on a machine too slow for the load. */
const MAX_QUEUED = 100_000;

const DETAIL = "90 % 5 ms and 10 % 55 ms jobs, 8 workers, from the intended arrival";

/** The order in which waiting jobs are served. */
export const scheduling: Benchmark = {
  id: "B4",
  question: `Response time at 80 % load: ${DETAIL}`,
  long: false,
  run,
};

/** The results of one round of one system, in milliseconds. */
interface Round {
  response: number[];
  /** The same jobs, with their measured durations, in one ideal queue. */
  ideal: number[];
  late: number[];
}

type Rounds = Record<string, Round[] | undefined>;

async function run(context: Context): Promise<Result> {
  const { programs, peers } = context;
  const hub = await startGibbs(programs, eightWorkers, { maxQueued: MAX_QUEUED });
  const nats = peers.nats && (await startNats(programs, peers.nats, eightWorkers));
  const servers = await startGrpcServers(programs, eightWorkers);
  const contenders = {
    gibbs: await startClient(programs, hub),
    nats: nats?.client,
    roundRobin: await startGrpcClient(programs, servers),
  };
  await interleave({ ...context, runs: 1 }, "B4, warm-up", contenders, (client) =>
    client.ask<OpenLoop>("openLoop", { jobs: poissonJobs(warmUp, WARM_UP_MS, 0) }),
  );
  const durationMs = context.quick ? 3000 : 15_000;
  const measured = await interleave(context, "B4", contenders, async (client, round) => {
    const jobs = poissonJobs(shortAndLong, RAMP_MS + durationMs, round + 1);
    return toRound(jobs, await client.ask<OpenLoop>("openLoop", { jobs }));
  });
  const rows = [0.5, 0.99, 0.999].flatMap((share) => toRows(measured, share));
  return { rows, picture: draw(measured), details: details(measured) };
}

function toRound(jobs: readonly TimedJob[], { response, ran, late }: OpenLoop): Round {
  const asTheyRan = jobs.map(({ at }, i) => ({ at, ms: ran[i] ?? Number.NaN }));
  const ideal = centralQueue(asTheyRan, shortAndLong.workers);
  const counts = (_: number, i: number): boolean => Number(jobs[i]?.at) >= RAMP_MS;
  return {
    response: response.filter(counts),
    ideal: ideal.filter(counts),
    late: late.filter(counts),
  };
}

function toRows({ gibbs = [], nats, roundRobin = [] }: Rounds, share: number): Row[] {
  const at = (rounds: readonly Round[], of: keyof Round): number[] =>
    rounds.map((round) => percentile(round[of], share));
  const bounds = share === 0.99 ? { floor: atMost(1.1), goal: atMost(1.05) } : {};
  const measure = { benchmark: "B4", what: `response time, p${share * 100}`, unit: "ms" };
  const ours = at(gibbs, "response");
  return [
    compared(measure, ours, "ideal", at(gibbs, "ideal"), bounds),
    compared(measure, ours, "NATS", nats ? at(nats, "response") : NOT_INSTALLED),
    compared(measure, ours, "grpc-js round_robin", at(roundRobin, "response")),
  ];
}

function draw({ gibbs = [], nats, roundRobin = [] }: Rounds): string {
  const all = (rounds: readonly Round[], of: keyof Round): number[] =>
    rounds.flatMap((one) => one[of]);
  const tails = [
    { name: "ideal", values: all(gibbs, "ideal") },
    { name: "gibbs", values: all(gibbs, "response") },
    { name: "grpc-js round_robin", values: all(roundRobin, "response") },
  ];
  if (nats !== undefined) tails.push({ name: "NATS queue group", values: all(nats, "response") });
  return drawTails("Response time at 80 % load", DETAIL, tails);
}

function details(measured: Rounds): unknown {
  const summary = (values: readonly number[]): Record<string, number> => {
    return Object.fromEntries(
      [0.5, 0.99, 0.999].map((p) => [`p${p * 100}`, percentile(values, p)]),
    );
  };
  return Object.fromEntries(
    Object.entries(measured).map(([name, rounds = []]) => [
      name,
      rounds.map(({ response, ideal, late }) => ({
        jobs: response.length,
        response: summary(response),
        ideal: summary(ideal),
        late: summary(late),
      })),
    ]),
  );
}
