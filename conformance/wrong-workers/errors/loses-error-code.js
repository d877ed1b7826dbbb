// Fails declared-error: it drops the code that a handler declares.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  describe(error) {
    return { ...super.describe(error), code: 0 };
  }
})().run();
