// Fails undecodable-input: an input that it cannot decode ends its stream.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  decode(bytes) {
    try {
      return super.decode(bytes);
    } catch (error) {
      this.call.cancel();
      throw error;
    }
  }
})().run();
