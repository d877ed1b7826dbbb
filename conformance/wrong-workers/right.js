// The correct worker, unchanged: fails nothing.
import { RightWorker } from "./right-worker.js";

new RightWorker().run();
