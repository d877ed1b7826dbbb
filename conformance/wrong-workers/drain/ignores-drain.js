// Fails drain-from-hub: it does not do what a draining hub asks.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  onDrain() {}
})().run();
