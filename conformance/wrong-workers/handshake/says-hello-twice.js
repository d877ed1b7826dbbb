// Fails hello-first: it says hello again once it is welcomed.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  onWelcome(welcome) {
    super.onWelcome(welcome);
    this.hello();
  }
})().run();
