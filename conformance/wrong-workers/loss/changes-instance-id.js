// Fails hub-killed-mid-job: it comes back with another instance_id.
import { randomBytes } from "node:crypto";
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  begin() {
    this.instanceId = new Uint8Array(randomBytes(16));
    super.begin();
  }
})().run();
