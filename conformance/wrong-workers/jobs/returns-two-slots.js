// Fails one-job-per-slot: a job that ends gives two slots back.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  end(jobId, outcome) {
    super.end(jobId, outcome);
    this.send(["ready", { slots: 1 }]);
  }
})().run();
