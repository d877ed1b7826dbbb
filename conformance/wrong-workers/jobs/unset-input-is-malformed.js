// Fails result-value: it treats an unset input as one that it cannot decode.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  decode(bytes) {
    if (bytes.length === 0) throw new TypeError("no input");
    return super.decode(bytes);
  }
})().run();
