// Fails cancel-unknown-ignored: it answers a cancel for a job that it never had.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  onCancel(jobId) {
    super.onCancel(jobId);
    if (jobId > 1_000_000) this.nack(jobId);
  }
})().run();
