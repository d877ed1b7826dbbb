// Fails drain-from-hub: it does not do what the hub asks of it when it drains.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  onDrain() {}
})().run();
