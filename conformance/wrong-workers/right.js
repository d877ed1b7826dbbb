// The correct worker as it is: fails nothing.
import { RightWorker } from "./right-worker.js";

new RightWorker().run();
