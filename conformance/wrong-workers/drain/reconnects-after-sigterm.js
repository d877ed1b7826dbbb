// Fails drain-on-sigterm: after SIGTERM it drains, and then dials again.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  onTerminate() {
    super.onTerminate();
    this.terminated = false;
  }
})().run();
