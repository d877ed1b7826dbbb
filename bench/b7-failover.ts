import type { Benchmark, Context, Result } from "./benchmark.js";
import { Events } from "./events.js";
import { monotonicMs } from "./monotonic.js";
import { NOT_INSTALLED } from "./peers.js";
import type { Program } from "./program.js";
import { absolute, atMost } from "./row.js";
import { percentile } from "./stats.js";
import { startClient, startHub, startNats, startOriginal, startWorker } from "./systems.js";

const telling = { handler: "telling", workers: 1, slots: 1 } as const;

/** The timeout that a caller of the original must set to have its request resent. */
const ORIGINAL_TIMEOUT_MS = 1000;
/** How long another worker may take to start the request. */
const PATIENCE_MS = 10_000;

/** How long a request is delayed when its worker dies. */
export const failover: Benchmark = {
  id: "B7",
  question: "From kill -9 of a worker in its job (idempotent) until another worker starts it",
  long: false,
  run,
};

async function run(context: Context): Promise<Result> {
  const kills = context.quick ? 5 : 60;
  const times = await ours(context, kills);
  const peers = [
    { peer: "NATS", theirs: await natsTime(context) },
    { peer: "the original, which waits for a timeout of 1 s", theirs: await originalTime(context) },
  ];
  const measure = (share: number) => {
    return { benchmark: "B7", what: `kill -9 until restarted, p${share * 100}`, unit: "ms" };
  };
  const bounds = { floor: atMost(50), goal: atMost(20) };
  const [p50, p99] = [0.5, 0.99].map((share) => [percentile(times, share)]) as [number[], number[]];
  return {
    rows: [
      ...peers.map((beside) => absolute(measure(0.5), p50, {}, beside)),
      absolute(measure(0.99), p99, bounds),
    ],
    details: times,
  };
}

async function ours({ programs, progress }: Context, kills: number): Promise<number[]> {
  const hub = await startHub(programs);
  const client = await startClient(programs, hub);
  const events = new Events();
  const workers: Program[] = [];
  const addWorker = async (): Promise<void> => {
    const onEvent = events.from(workers.length);
    workers.push(await startWorker(programs, hub, telling, { onEvent }));
  };
  await addWorker();
  await addWorker();
  const times: number[] = [];
  for (let id = 1; id <= kills; id += 1) {
    if (id % 10 === 1) progress(`B7, kill ${id} of ${kills}: gibbs`);
    await client.ask("send", { id });
    const took = await killMidJob(workers, events, id);
    if (took === undefined) throw new Error(`request ${id} was not started again`);
    times.push(took);
    const answer = await client.ask("outcome", { id });
    if (answer !== id) throw new Error(`request ${id} was answered with ${answer}`);
    await addWorker();
  }
  return times;
}

async function natsTime({ programs, peers, progress }: Context): Promise<number | string> {
  if (peers.nats === undefined) return NOT_INSTALLED;
  progress("B7: NATS");
  const events = new Events();
  const layout = { ...telling, processes: 2 };
  const system = await startNats(programs, peers.nats, layout, events);
  return timeOf(system, events, {});
}

async function originalTime({ programs, peers, progress }: Context): Promise<number | string> {
  if (peers.original === undefined) return NOT_INSTALLED;
  progress("B7: the original");
  const events = new Events();
  const layout = { handler: "telling", processes: 2 } as const;
  const system = await startOriginal(programs, peers.original, layout, events);
  return timeOf(system, events, { timeoutMs: ORIGINAL_TIMEOUT_MS });
}

/** The result of one kill for a peer. */
async function timeOf(
  { client, workers }: { client: Program; workers: readonly Program[] },
  events: Events,
  options: object,
): Promise<number | string> {
  await client.ask("send", { id: 1, ...options });
  const took = await killMidJob(workers, events, 1);
  return took ?? `not within ${PATIENCE_MS / 1000} s`;
}

/**
 * Kills the worker that starts the request; returns the milliseconds until another worker starts
 * it.
 */
async function killMidJob(
  workers: readonly Program[],
  events: Events,
  id: number,
): Promise<number | undefined> {
  const first = await events.next("started", id, PATIENCE_MS);
  if (first === undefined) throw new Error(`request ${id} was never started`);
  const killedAt = monotonicMs();
  workers[first.by]?.kill();
  const second = await events.next("started", id, PATIENCE_MS);
  if (second?.by === first.by) throw new Error(`request ${id} was started twice by one worker`);
  return second && second.at - killedAt;
}
