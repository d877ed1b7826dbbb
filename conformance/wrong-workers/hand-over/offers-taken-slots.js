// Fails goaway-hands-over: on the new stream it gives credit for all its slots, although one is taken.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  get allBusy() {
    return this.busy;
  }
})().run();
