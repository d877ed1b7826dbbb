// Fails drain-from-hub: it half-closes the stream when it has nothing left to do.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  finish(jobId, outcome) {
    super.finish(jobId, outcome);
    if (this.next.case !== undefined && this.jobs.size === 0) this.call.end();
  }
})().run();
