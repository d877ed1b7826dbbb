import { type Benchmark, type Context, interleave, type Result } from "./benchmark.js";
import type { Throughput } from "./peers/loads.js";
import { NOT_INSTALLED } from "./peers.js";
import type { Program } from "./program.js";
import { startRequestSystems } from "./request-systems.js";
import { absolute, atLeast, atMost, type Bounds, compared, type Measure, type Row } from "./row.js";

/** Throughput with many callers. */
export const throughput: Benchmark = {
  id: "B3",
  question: "Throughput, a handler that does nothing, 2 worker processes with 32 slots each",
  long: false,
  run,
};

type Measured = Record<string, Throughput[] | undefined>;

/** The bounds for each number of callers. */
const levels: readonly { callers: number; bounds: Partial<Record<string, Bounds>> }[] = [
  { callers: 32, bounds: {} },
  { callers: 64, bounds: { nats: { goal: atLeast(2) } } },
  {
    callers: 256,
    bounds: {
      nats: { floor: atLeast(2), goal: atLeast(3) },
      original: { floor: atLeast(8), goal: atLeast(12) },
      direct: { floor: atLeast(0.7), goal: atLeast(0.8) },
    },
  },
];

async function run(context: Context): Promise<Result> {
  const systems = await startRequestSystems(context, "B3");
  const durationMs = context.quick ? 300 : 1500;
  const rows: Row[] = [];
  const details: Record<string, Measured> = {};
  for (const { callers, bounds } of levels) {
    const measure = (client: Program): Promise<Throughput> =>
      client.ask<Throughput>("throughput", { callers, durationMs });
    const measured = await interleave(context, `B3, ${callers} callers`, systems, measure);
    rows.push(...toRows(callers, measured, bounds));
    details[callers] = measured;
  }
  return { rows, details };
}

function toRows(
  callers: number,
  measured: Measured,
  bounds: Partial<Record<string, Bounds>>,
): Row[] {
  const of = (who: string, unit: string): Measure => {
    return { benchmark: "B3", what: `${who}, ${callers} callers`, unit };
  };
  const { gibbs = [], unary = [], nats, original, direct } = measured;
  const sdk = of("SDK client", "/s");
  const plain = of("SDK client, unary", "/s");
  const theirLost = original ? lost(original) : NOT_INSTALLED;
  const beside = { peer: "the original", theirs: theirLost };
  const rows: [Measure, Throughput[], string, Throughput[] | undefined, Bounds | undefined][] = [
    [sdk, gibbs, "NATS", nats, bounds["nats"]],
    [sdk, gibbs, "the original", original, bounds["original"]],
    [plain, unary, "direct grpc-js", direct, bounds["direct"]],
  ];
  return [
    ...rows.map(([measure, ours, peer, theirs, bound]) =>
      compared(measure, rates(ours), peer, theirs ? rates(theirs) : NOT_INSTALLED, bound),
    ),
    absolute(of("requests lost", ""), [lost([...gibbs, ...unary])], { floor: atMost(0) }, beside),
  ];
}

function rates(measured: readonly Throughput[]): number[] {
  return measured.map(({ perSecond }) => perSecond);
}

function lost(measured: readonly Throughput[]): number {
  return measured.reduce((sum, round) => sum + round.lost, 0);
}
