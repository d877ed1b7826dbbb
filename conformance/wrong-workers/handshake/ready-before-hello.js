// Fails hello-first: it sends ready before hello.
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
