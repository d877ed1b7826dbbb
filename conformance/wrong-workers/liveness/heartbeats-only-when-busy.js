// Fails echo-heartbeat: it answers heartbeats only while it has a job.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  onHeartbeat() {
    if (this.busy > 0) super.onHeartbeat();
  }
})().run();
