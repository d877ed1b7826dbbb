// Fails terminal-event-after-cancel: it sends no terminal event for a job that ends at once when cancelled.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  cancelled = new Set();

  onCancel(jobId) {
    super.onCancel(jobId);
    this.cancelled.add(jobId);
  }

  end(jobId, outcome) {
    if (outcome.value.type !== "AbortError" || !this.cancelled.has(jobId))
      super.end(jobId, outcome);
  }
})().run();
