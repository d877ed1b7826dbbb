// Fails ready-is-credit: its first ready has zero slots.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  hello() {
    super.hello();
    this.send(["ready", { slots: 0 }]);
  }
})().run();
