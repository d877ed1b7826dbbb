// Fails orphan-gives-no-ready: on a new stream it gives credit for all its slots, although a handler is still running.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  lost() {
    super.lost();
    this.slots += this.busy;
  }
})().run();
