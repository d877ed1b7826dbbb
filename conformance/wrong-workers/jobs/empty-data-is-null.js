// Fails result-data: it answers null instead of zero bytes.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  handlers = {
    ...this.handlers,
    "conformance.bytes": (length) => (length === 0 ? null : new Uint8Array(length)),
  };
})().run();
