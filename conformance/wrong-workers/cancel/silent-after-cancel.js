// Fails terminal-event-after-cancel: a cancelled job that ends at once gets no terminal event.
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
