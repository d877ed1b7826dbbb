// Fails slots-many: it takes two jobs and runs them one after the other.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  turn = Promise.resolve();

  outcome(job, signal) {
    this.turn = this.turn.then(() => super.outcome(job, signal));
    return this.turn;
  }
})().run();
