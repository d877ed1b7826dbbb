// Fails cancel-crosses-result: it answers a cancel for a job that has ended.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  over = new Set();

  end(jobId, outcome) {
    super.end(jobId, outcome);
    this.over.add(jobId);
  }

  onCancel(jobId) {
    super.onCancel(jobId);
    if (this.over.has(jobId)) this.nack(jobId);
  }
})().run();
