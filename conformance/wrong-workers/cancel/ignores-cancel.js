// Fails cancel-honoured: it lets a cancelled job run on.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  onCancel() {}
})().run();
