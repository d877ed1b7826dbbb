// Fails orphan-result-dropped: it tells the outcome of a job of a lost stream on the next one.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  orphans = new Set();

  lost() {
    for (const jobId of this.jobs.keys()) this.orphans.add(jobId);
    super.lost();
  }

  finish(jobId, outcome) {
    if (this.orphans.delete(jobId)) this.end(jobId, outcome);
    super.finish(jobId, outcome);
  }
})().run();
