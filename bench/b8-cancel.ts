import type { Benchmark, Context, Result } from "./benchmark.js";
import { Events, type Told } from "./events.js";
import { absolute, atMost } from "./row.js";
import { percentile } from "./stats.js";
import { startClient, startHub, startWorker, twoWorkers } from "./systems.js";

/** The number of initial cancels that do not count, because they run unoptimized code. */
const WARM_UPS = 200;
/** A cancel that takes longer than this counts as lost. */
const PATIENCE_MS = 10_000;

/** How soon a handler learns that its answer is no longer wanted. */
export const cancel: Benchmark = {
  id: "B8",
  question: "From the moment a caller gives up until the handler's signal fires",
  long: false,
  run,
};

async function run({ programs, progress, quick }: Context): Promise<Result> {
  const count = quick ? 20 : 300;
  const hub = await startHub(programs);
  const client = await startClient(programs, hub);
  const events = new Events();
  for (let by = 0; by < twoWorkers.processes; by += 1) {
    const onEvent = events.from(by);
    await startWorker(programs, hub, { ...twoWorkers, handler: "telling" }, { onEvent });
  }
  const times: number[] = [];
  progress(`B8, ${count} times`);
  for (let id = 1; id <= WARM_UPS + count; id += 1) {
    await client.ask("send", { id });
    await hear(events, "started", id);
    const gaveUpAt = await client.ask<number>("cancel", { id });
    const { at } = await hear(events, "cancelled", id);
    if (id > WARM_UPS) times.push(at - gaveUpAt);
  }
  const measure = (share: number) => {
    return { benchmark: "B8", what: `cancel until the signal, p${share * 100}`, unit: "ms" };
  };
  const bounds = { floor: atMost(20), goal: atMost(10) };
  return {
    rows: [
      absolute(measure(0.5), [percentile(times, 0.5)]),
      absolute(measure(0.99), [percentile(times, 0.99)], bounds),
    ],
    details: times,
  };
}

async function hear(events: Events, event: string, id: number): Promise<Told> {
  const told = await events.next(event, id, PATIENCE_MS);
  if (told === undefined) throw new Error(`request ${id} was never ${event}`);
  return told;
}
