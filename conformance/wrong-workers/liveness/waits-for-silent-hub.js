// Fails hub-silent-reconnects: it stays with a hub that has gone silent.
import { RightWorker } from "../right-worker.js";

new (class extends RightWorker {
  listen() {}
})().run();
