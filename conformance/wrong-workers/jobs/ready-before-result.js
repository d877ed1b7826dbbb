// Fails result-before-ready, goaway-hands-over: it gives a slot back before it reports the outcome.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  finish(jobId, outcome) {
    this.offer();
    if (this.jobs.delete(jobId)) this.end(jobId, outcome);
  }
})().run();
