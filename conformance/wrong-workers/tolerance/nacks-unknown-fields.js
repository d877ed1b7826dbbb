// Fails unknown-field-ignored: it gives a job back that has fields that it does not know.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  onJob(job) {
    if (job.$unknown === undefined) return super.onJob(job);
    this.credit -= 1;
    this.nack(job.jobId);
    this.offer();
  }
})().run();
