// Fails metadata-passed: it reads binary metadata as text.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  text(_key, value) {
    return Buffer.from(value).toString("utf8");
  }
})().run();
