// Fails orphan-gives-no-ready: on a new stream it gives all its slots, though a handler still runs.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  lost() {
    super.lost();
    this.slots += this.busy;
  }
})().run();
