// Fails result-data: it answers null when the answer is bytes, and there are none.
import { RightWorker } from "./right-worker.js";

new (class extends RightWorker {
  encode(answer) {
    return super.encode(answer?.length === 0 && answer.buffer.byteLength === 0 ? null : answer);
  }
})().run();
