// Fails nothing.
import { RightWorker } from "./right-worker.js";

new RightWorker().run();
