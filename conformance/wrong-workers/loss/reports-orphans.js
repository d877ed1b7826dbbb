// Fails orphan-result-dropped: it reports the outcome of a lost stream's job on the next stream.
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
