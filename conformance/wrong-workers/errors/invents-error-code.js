// Fails error-mapping: it sets a code for an error whose handler declared none.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  describe(error) {
    const failure = super.describe(error);
    return { ...failure, code: failure.code || 2 };
  }
})().run();
