// Fails hello-first, goaway-hands-over: every process has the same instance_id.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  instanceId = new Uint8Array(16).fill(1);
})().run();
