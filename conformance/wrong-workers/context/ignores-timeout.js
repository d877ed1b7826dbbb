// Fails timeout-passed-on: it tells its handlers of their time, and does not end it.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  startTimer() {}
})().run();
