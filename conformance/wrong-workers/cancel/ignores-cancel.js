// Fails cancel-honoured: a cancelled job goes on.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  onCancel() {}
})().run();
