// Fails unknown-event-ignored: it leaves when it hears an event that it does not know.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  on(event) {
    if (event.case === undefined) this.call.cancel();
    super.on(event);
  }
})().run();
