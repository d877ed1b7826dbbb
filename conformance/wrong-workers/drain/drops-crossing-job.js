// Fails job-crossing-drain-nacked: it ignores a job that crosses its drain.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  onJob(job) {
    if (!this.draining) super.onJob(job);
  }
})().run();
