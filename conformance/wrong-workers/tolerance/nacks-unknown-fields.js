// Fails unknown-field-ignored: it gives back a job that has unknown fields.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  onJob(job) {
    if (job.$unknown === undefined) return super.onJob(job);
    this.credit -= 1;
    this.nack(job.jobId);
    this.offer();
  }
})().run();
