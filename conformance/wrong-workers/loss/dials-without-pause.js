// Fails backoff-on-unavailable: it dials again without a pause.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  pauseMs() {
    return 5;
  }
})().run();
