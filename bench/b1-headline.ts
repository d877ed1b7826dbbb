import {
  type Benchmark,
  type Contenders,
  type Context,
  interleave,
  type Result,
} from "./benchmark.js";
import type { Burst } from "./peers/loads.js";
import { NOT_INSTALLED } from "./peers.js";
import type { Program } from "./program.js";
import { absolute, atMost, compared } from "./row.js";
import { startClient, startHub, startOriginal } from "./systems.js";

const REQUESTS = 10;
const WORKERS = 4;
const BLOCK_MS = 250;
const IDEAL_S = (Math.ceil(REQUESTS / WORKERS) * BLOCK_MS) / 1000;
/** The numbers in the original's documentation. */
const PUBLISHED_S = 0.855;

/** The original's headline example. */
export const headline: Benchmark = {
  id: "B1",
  question: `${REQUESTS} requests at once, ${BLOCK_MS} ms each, ${WORKERS} worker processes`,
  long: false,
  run,
};

async function run(context: Context): Promise<Result> {
  const contenders = await startContenders(context);
  const measured = await interleave(context, "B1", contenders, async (client) => {
    await client.ask("warmUp", { count: 20 });
    return client.ask<Burst>("burst", { count: REQUESTS });
  });
  const { gibbs = [], original } = measured;
  const ours = seconds(gibbs);
  const same = (figure: number): number[] => ours.map(() => figure);
  const took = { benchmark: "B1", what: headline.question, unit: "s" };
  const lost = { benchmark: "B1", what: "requests lost", unit: "" };
  const theirLost = original ? lostIn(original) : NOT_INSTALLED;
  const beside = { peer: "the original", theirs: theirLost };
  return {
    rows: [
      compared(took, ours, "ideal", same(IDEAL_S), { floor: atMost(1.04), goal: atMost(1.013) }),
      compared(took, ours, "the original", original ? seconds(original) : NOT_INSTALLED),
      compared(took, ours, "the original, as published", same(PUBLISHED_S)),
      absolute(lost, [lostIn(gibbs)], { floor: atMost(0) }, beside),
    ],
    details: measured,
  };
}

async function startContenders({ programs, peers }: Context): Promise<Contenders<Program>> {
  const hub = await startHub(programs);
  await programs.node("gibbs-workers", { hub: hub.address, count: WORKERS, blockMs: BLOCK_MS });
  const layout = { handler: "square", blockMs: BLOCK_MS, processes: WORKERS } as const;
  const original = peers.original && (await startOriginal(programs, peers.original, layout));
  return { gibbs: await startClient(programs, hub), original: original?.client };
}

/** NaN for a burst that lost requests: it finished too early. */
function seconds(bursts: readonly Burst[]): number[] {
  return bursts.map(({ tookMs, lost }) => (lost > 0 ? Number.NaN : tookMs / 1000));
}

function lostIn(bursts: readonly Burst[]): number {
  return bursts.reduce((sum, { lost }) => sum + lost, 0);
}
