// Fails cancel-honoured: it lets a cancelled job keep running.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  onCancel() {}
})().run();
