// Fails hello-first: it is ready before it has said who it is.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  isKnown = false;

  begin() {
    if (this.isKnown) return super.begin();
    this.isKnown = true;
    this.offer();
    this.hello();
    this.listen();
  }
})().run();
