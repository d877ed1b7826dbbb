// Fails one-job-per-slot: it tells each outcome twice.
import { RightWorker } from "./right-worker.js";

new (class extends RightWorker {
  end(jobId, outcome) {
    this.send(["result", { jobId, outcome }], ["result", { jobId, outcome }]);
  }
})().run();
