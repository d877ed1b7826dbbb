// Fails oversize-result: it does not look at what the hub takes.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  onWelcome(welcome) {
    super.onWelcome({ ...welcome, maxPayloadBytes: 4 * 1024 * 1024 });
  }
})().run();
