import { delay, systemClock } from "../../../src/base/clock.js";
import { loadGibbs } from "../gibbs.js";
import { Journal } from "../journal.js";
import { recording } from "../recording.js";
import { leaveParent, liveAsLongAsParent } from "./lifetime.js";
import { type PoolSettings, settings } from "./settings.js";

/**
 * Several workers in one process. Their handlers wait for a task's work time, or less if cancelled.
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
// Workers that are drained before they find a hub never connect, but still exit cleanly.
void Promise.all(workers.map(({ connected }) => connected)).then(
  () => process.send?.({ kind: "ready" }),
  () => {},
);
await ended;
leaveParent();
