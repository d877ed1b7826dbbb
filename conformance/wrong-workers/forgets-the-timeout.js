// Fails timeout-passed-on: it tells its handlers of their time, and does not end it.
import { RightWorker } from "./right-worker.js";

new (class extends RightWorker {
  onJob(job) {
    super.onJob(job);
    clearTimeout(this.jobs.get(job.jobId)?.timeout);
  }
})().run();
