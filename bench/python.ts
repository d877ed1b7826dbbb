import { type Benchmark, type Context, interleave, type Result } from "./benchmark.js";
import type { Throughput } from "./peers/loads.js";
import type { Usage } from "./peers/usage.js";
import { NOT_INSTALLED } from "./peers.js";
import { type PythonSystem, type PythonSystems, startPythonSystems } from "./python-systems.js";
import { absolute, atLeast, atMost, type Bounds, compared, type Row } from "./row.js";
import { percentile } from "./stats.js";

/** What Python programs get: our Python client and workers beside their peers in Python. */
export const pythonBenchmarks: readonly Benchmark[] = [
  {
    id: "P1",
    question: "Latency one at a time, a Python client and one Python worker",
    long: false,
    run: latency,
  },
  {
    id: "P2",
    question: "Throughput, a Python client with 32 callers, 2 workers with one slot each",
    long: false,
    run: (context) => throughput(context, "P2", { processes: 2, slots: 1, callers: 32 }),
  },
  {
    id: "P3",
    question: "Throughput, a Python client with 64 callers, 2 workers with 32 slots each",
    long: false,
    run: (context) => throughput(context, "P3", { processes: 2, slots: 32, callers: 64 }),
  },
  {
    id: "P5",
    question: "CPU time of all processes per request, a Python client with 32 callers",
    long: false,
    run: cpu,
  },
];

/** The bounds of throughput by benchmark, worker and peer. */
const bounds: Record<string, Bounds | undefined> = {
  "P2 gibbs original": { floor: atLeast(2), goal: atLeast(4) },
  "P3 gibbs original": { floor: atLeast(5), goal: atLeast(10) },
  "P3 node original": { floor: atLeast(5), goal: atLeast(10) },
  "P3 gibbs nats": { goal: atLeast(1.5) },
  "P3 node nats": { goal: atLeast(1.5) },
};

const workers = { gibbs: "Python workers", node: "TypeScript workers" } as const;
const rivals = { original: "the original", nats: "nats-py" } as const;

async function latency(context: Context): Promise<Result> {
  const count = context.quick ? 100 : 1000;
  const systems = await startPythonSystems(context, "P1", { processes: 1, slots: 1 });
  const measured = await interleave(context, "P1", systems, ({ client }) =>
    client.ask<number[]>("latency", { count }),
  );
  const at = (name: string, share: number): number[] | undefined =>
    measured[name]?.map((round) => percentile(round, share));
  const row = (peer: keyof typeof rivals, share: number, bound?: Bounds): Row => {
    const measure = { benchmark: "P1", what: `Python client, p${share * 100}`, unit: "us" };
    const theirs = at(peer, share) ?? NOT_INSTALLED;
    return compared(measure, at("gibbs", share) ?? [], rivals[peer], theirs, bound);
  };
  return {
    rows: [
      row("original", 0.5, { floor: atMost(1.6), goal: atMost(1.2) }),
      row("original", 0.99),
      row("nats", 0.5),
    ],
  };
}

async function throughput(
  context: Context,
  id: string,
  { callers, ...layout }: { callers: number; processes: number; slots: number },
): Promise<Result> {
  const systems = await startPythonSystems(context, id, layout);
  const durationMs = context.quick ? 300 : 1500;
  const measured = await interleave(context, id, systems, ({ client }) =>
    client.ask<Throughput>("throughput", { callers, durationMs }),
  );
  const rates = (name: string): number[] | undefined =>
    measured[name]?.map(({ perSecond }) => perSecond);
  const rows = (Object.keys(workers) as (keyof typeof workers)[]).flatMap((ours) =>
    (Object.keys(rivals) as (keyof typeof rivals)[]).map((peer) => {
      const measure = { benchmark: id, what: `Python client, ${workers[ours]}`, unit: "/s" };
      const theirs = rates(peer) ?? NOT_INSTALLED;
      const bound = bounds[`${id} ${ours} ${peer}`];
      return compared(measure, rates(ours) ?? [], rivals[peer], theirs, bound);
    }),
  );
  const lostOf = (name: string): number | undefined =>
    measured[name]?.reduce((sum, round) => sum + round.lost, 0);
  const lost = { benchmark: id, what: "requests lost", unit: "" };
  const ours = [lostOf("gibbs") ?? Number.NaN, lostOf("node") ?? Number.NaN];
  const beside = { peer: rivals.original, theirs: lostOf("original") ?? NOT_INSTALLED };
  rows.push(absolute(lost, [Math.max(...ours)], { floor: atMost(0) }, beside));
  return { rows, details: measured };
}

async function cpu(context: Context): Promise<Result> {
  const rows: Row[] = [];
  for (const slots of [1, 32]) {
    const title = `P5, ${slots} slots`;
    const systems = await startPythonSystems(context, title, { processes: 2, slots }, slots === 1);
    const measured = await interleave(context, title, withUsage(systems), (system) =>
      cpuPerRequest(system, context.quick ? 300 : 1500),
    );
    const what = `Python client and workers with ${slots === 1 ? "one slot" : `${slots} slots`}`;
    const measure = { benchmark: "P5", what: `${what}, hub included`, unit: "us" };
    const ours = measured["gibbs"] ?? [];
    const beside = (peer: string, theirs: readonly number[] | undefined) => ({
      peer,
      theirs: theirs ? theirs.reduce((sum, one) => sum + one, 0) / theirs.length : NOT_INSTALLED,
    });
    const nats = beside("nats-py, without its server", measured["nats"]);
    rows.push(absolute(measure, ours, { floor: atMost(700), goal: atMost(350) }, nats));
    // Its workers have one slot.
    if (slots === 1) {
      rows.push(absolute(measure, ours, {}, beside("mosec, with its server", measured["mosec"])));
    }
  }
  return { rows };
}

/** The systems whose processes all report their CPU time. */
function withUsage({
  gibbs,
  nats,
  mosec,
}: PythonSystems): Record<string, PythonSystem | undefined> {
  return { gibbs, nats, mosec };
}

async function cpuPerRequest(
  { client, processes }: PythonSystem,
  durationMs: number,
): Promise<number> {
  const used = async (): Promise<number> => {
    const all = await Promise.all(processes.map((one) => one.ask<Usage>("usage")));
    return all.reduce((sum, { cpuUs }) => sum + cpuUs, 0);
  };
  const before = await used();
  const { answered } = await client.ask<Throughput>("throughput", { callers: 32, durationMs });
  return ((await used()) - before) / answered;
}
