import { delay, systemClock } from "../../../src/base/clock.js";
import { loadGibbs } from "../gibbs.js";
import { Journal } from "../journal.js";
import { recording } from "../recording.js";
import { leaveParent, liveAsLongAsParent } from "./lifetime.js";
import { type PoolSettings, settings } from "./settings.js";

/**
 * Several workers in one process; they wait for a task's work time and end early when cancelled.
 */

const { journals, host, hub, count, slots } = settings<PoolSettings>();
const journal = new Journal(journals, host);

const { Worker } = await loadGibbs();
liveAsLongAsParent();
const workers = Array.from({ length: count }, (_, index) => {
  const worker = `${host}/${index + 1}`;
  const handler = recording(
    journal,
    { worker, host, slots },
    (workMs, signal) => delay(systemClock, workMs, signal),
    ({ id, at }) => process.send?.({ kind: "started", id, host, worker, at }),
  );
  return new Worker(handler, { hub, slots, workerId: worker });
});
const ended = Promise.all(workers.map((worker) => worker.run()));
// Workers drained before they find a hub never connect, yet end well.
void Promise.all(workers.map(({ connected }) => connected)).then(
  () => process.send?.({ kind: "ready" }),
  () => {},
);
await ended;
leaveParent();
