// Fails goaway-hands-over: it keeps its instance_id, so that its new stream supersedes the old one.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  makeHeir() {
    return Object.assign(super.makeHeir(), { instanceId: this.instanceId });
  }
})().run();
