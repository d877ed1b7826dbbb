// Fails terminal-event-after-cancel: it gives a cancelled job back, and then also reports its outcome.
import { Execution } from "gibbs/proto";
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  onCancel(jobId) {
    const job = this.jobs.get(jobId)?.job;
    if (job?.method === "conformance.hold") this.nack(jobId, Execution.UNKNOWN);
    super.onCancel(jobId);
  }
})().run();
