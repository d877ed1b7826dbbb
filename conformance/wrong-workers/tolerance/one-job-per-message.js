// Fails batched-events: it takes only the last of several jobs in a message.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  receive(events) {
    const last = events.findLastIndex(({ event }) => event.case === "job");
    super.receive(events.filter(({ event }, index) => event.case !== "job" || index === last));
  }
})().run();
