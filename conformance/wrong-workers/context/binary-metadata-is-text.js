// Fails metadata-passed: it takes the bytes of metadata for text.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  text(_key, value) {
    return Buffer.from(value).toString("utf8");
  }
})().run();
