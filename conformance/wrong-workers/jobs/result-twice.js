// Fails one-job-per-slot: it sends each answer twice.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  end(jobId, outcome) {
    super.end(jobId, outcome);
    if (outcome.case === "payload") super.end(jobId, outcome);
  }
})().run();
