// Fails timeout-passed-on: it tells its handlers their time limit, but does not enforce it.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  startTimer() {}
})().run();
