import { Hub } from "gibbs/hub";
import { optionsOf, serve } from "./serve.js";
import { usage } from "./usage.js";

/** Answers after a worker has come that do not count. */
const WARM_UPS = 5000;

// A hub whose callers live in its process and ask again whenever they are answered.
const { callers } = optionsOf<{ callers: number }>();
const hub = new Hub({
  listen: "127.0.0.1:0",
  // A tenth of it may wait while no worker is there.
  maxQueued: 11 * callers + 1000,
  maxHeldBytes: 2 ** 40,
  noWorkerTimeoutMs: Number.POSITIVE_INFINITY,
});
const address = await hub.listen();
let answers = 0;
let onAnswer = (): void => {};

serve({ address }, { fill, cost }, () => process.exit());

/** Has all callers ask; returns the memory that a request in the queue takes, in bytes. */
async function fill(): Promise<number> {
  const before = usage({ collect: true });
  for (let i = 0; i < callers; i += 1) void call();
  await new Promise((resolve) => setImmediate(resolve));
  return (usage({ collect: true }).heldBytes - before.heldBytes) / callers;
}

async function call(): Promise<never> {
  for (;;) {
    // A worker that is stopped takes its requests along.
    await hub.request(1).catch(() => {});
    answers += 1;
    onAnswer();
  }
}

/** What each of the next `count` requests costs this process, in microseconds of the processor. */
async function cost({ count }: { count: number }): Promise<number> {
  await answered(WARM_UPS);
  const before = usage();
  await answered(count);
  return (usage().cpuUs - before.cpuUs) / count;
}

function answered(more: number): Promise<void> {
  const until = answers + more;
  return new Promise((resolve) => {
    onAnswer = () => {
      if (answers >= until) resolve();
    };
  });
}
