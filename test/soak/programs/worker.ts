import { delay, systemClock } from "../../../src/base/clock.js";
import { loadGibbs } from "../../chaos/gibbs.js";
import type { Job, JobAnswer } from "../report.js";
import { reportRegularly, setting, told } from "./program.js";

/** Serves jobs until SIGTERM, or until its run has ended. */

const by = setting("SOAK_NAME");
const slots = Number(setting("SOAK_SLOTS"));
const { Worker } = await loadGibbs();
const report = { ready: false, begun: 0 };
const serve = async ({ id, ms }: Job): Promise<JobAnswer> => {
  report.begun += 1;
  if (ms > 0) await delay(systemClock, ms);
  return { id, by };
};
const worker = new Worker(serve, { slots, workerId: by });
const stopReporting = reportRegularly(() => report);
void told().then(() => process.exit(1));
worker.connected.then(
  () => {
    report.ready = true;
  },
  () => {},
);
await worker.run();
stopReporting();
console.log(JSON.stringify(report));
process.exit();
