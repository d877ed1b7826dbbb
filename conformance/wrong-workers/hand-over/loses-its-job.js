// Fails goaway-hands-over: it leaves the old stream, and loses the job on it.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  handOver() {
    super.handOver();
    this.call.cancel();
  }
})().run();
