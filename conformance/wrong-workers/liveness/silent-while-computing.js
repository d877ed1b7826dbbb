// Fails beats-while-computing: it declares ALWAYS, but computes on the thread that answers heartbeats.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  block(ms) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    return ms;
  }
})().run();
