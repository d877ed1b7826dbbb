// Fails unknown-event-ignored: it leaves when it receives an unknown event.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  on(event) {
    if (event.case === undefined) this.call.cancel();
    super.on(event);
  }
})().run();
