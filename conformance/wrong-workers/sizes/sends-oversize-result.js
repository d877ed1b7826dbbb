// Fails oversize-result: it ignores the hub's limit.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  onWelcome(welcome) {
    super.onWelcome({ ...welcome, maxPayloadBytes: 4 * 1024 * 1024 });
  }
})().run();
