import type { Benchmark, Context, Result } from "./benchmark.js";
import type { Throughput } from "./peers/loads.js";
import type { Usage } from "./peers/usage.js";
import type { Program } from "./program.js";
import { absolute, atMost } from "./row.js";
import { slope } from "./stats.js";
import { startClient, startGibbs, twoWorkers } from "./systems.js";

const CALLERS = 256;
const SAMPLES = 100;
/**
 * The fraction of the million that is sent as a warm-up, to compile code and fill the allocator's
 * pools.
 */
const WARM_UPS = 0.3;
/** The number of initial samples that still include warm-up and say nothing about leaks. */
const WARM_UP_SAMPLES = SAMPLES / 5;
/**
 * V8 doubles the young generation once enough has survived in it. In a hub where almost nothing
 * survives, that happens after two thirds of the million. The slope should show leaks only.
 */
const GROWN_UP = ["--min-semi-space-size=16"];

/** Whether memory stays flat. */
export const endurance: Benchmark = {
  id: "B9",
  question: `A million requests of ${CALLERS} callers: is every answer right, does memory grow`,
  long: true,
  run,
};

async function run(context: Context): Promise<Result> {
  const { programs, quick, progress } = context;
  const total = quick ? 20_000 : 1_000_000;
  const hub = await startGibbs(programs, twoWorkers, {}, GROWN_UP);
  const client = await startClient(programs, hub);
  const rss: Record<"hub" | "client", number[]> = { hub: [], client: [] };
  let answered = 0;
  let lost = 0;
  await client.ask("requests", { callers: CALLERS, count: WARM_UPS * total });
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    if (sample % 10 === 0) progress(`B9: ${answered} of ${total} requests`);
    const count = total / SAMPLES;
    const part = await client.ask<Throughput>("requests", { callers: CALLERS, count });
    answered += part.answered;
    lost += part.lost;
    rss.hub.push(await residentBytes(hub.program));
    rss.client.push(await residentBytes(client));
  }
  const growth = (of: readonly number[]): number =>
    slope(of.slice(WARM_UP_SAMPLES)) / 1024 / (total / SAMPLES / 1000);
  const of = (what: string, unit: string) => ({ benchmark: "B9", what, unit });
  const perThousand = "KiB/1,000";
  return {
    rows: [
      absolute(of("right answers", ""), [answered]),
      absolute(of("requests lost", ""), [lost], { floor: atMost(0) }),
      absolute(of("growth of the hub's RSS", perThousand), [growth(rss.hub)], { floor: atMost(1) }),
      absolute(of("growth of the client's RSS", perThousand), [growth(rss.client)], {
        floor: atMost(1),
      }),
    ],
    details: { rss },
  };
}

/**
 * Measured after a garbage collection: the amount of garbage varies by chance, and by more than any
 * leak in such a short time.
 */
async function residentBytes(program: Program): Promise<number> {
  return (await program.ask<Usage>("usage", { collect: true })).rssBytes;
}
