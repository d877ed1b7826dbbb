// Fails beats-while-computing: it said ALWAYS, and computes on the thread that answers.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  block(ms) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    return ms;
  }
})().run();
