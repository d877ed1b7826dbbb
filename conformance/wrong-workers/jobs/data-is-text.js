// Fails input-data: it reads bytes as text.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  decode(bytes) {
    const input = super.decode(bytes);
    if (!(input instanceof Uint8Array)) return input;
    return new Uint8Array(Buffer.from(Buffer.from(input).toString("utf8")));
  }
})().run();
