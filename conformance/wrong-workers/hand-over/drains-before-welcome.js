// Fails goaway-hands-over: it takes no jobs between the GOAWAY and the welcome on its new stream.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  goingAway(channel, call) {
    super.goingAway(channel, call);
    if (this.heir !== undefined && !this.draining) this.handOver();
  }
})().run();
