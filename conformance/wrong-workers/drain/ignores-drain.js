// Fails drain-from-hub: it ignores what a draining hub asks for.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  onDrain() {}
})().run();
