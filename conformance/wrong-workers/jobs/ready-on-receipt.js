// Fails result-before-ready: it asks for the next job as soon as it gets one.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  onJob(job) {
    super.onJob(job);
    if (this.draining) return;
    this.credit += 1;
    this.send(["ready", { slots: 1 }]);
  }
})().run();
