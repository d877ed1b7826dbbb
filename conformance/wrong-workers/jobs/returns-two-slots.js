// Fails one-job-per-slot: a job that is over gives two slots back.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  end(jobId, outcome) {
    super.end(jobId, outcome);
    this.send(["ready", { slots: 1 }]);
  }
})().run();
