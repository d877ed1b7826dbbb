import { Journal } from "../journal.js";
import { recording } from "../recording.js";

/**
 * The model that `gibbs worker` serves in the chaos run. It blocks its process for a task's work
 * time, as numeric code does.
 */

const folder = process.env["CHAOS_JOURNALS"];
const host = process.env["CHAOS_HOST"];
if (folder === undefined || host === undefined)
  throw new Error("only the chaos run can start this");

const worker = `${host}/${process.pid}`;
const forEver = new Int32Array(new SharedArrayBuffer(4));

// biome-ignore lint/style/noDefaultExport: a worker serves the default export
export default recording(
  new Journal(folder, `${host}-${process.pid}`),
  { worker, host, slots: 1 },
  (workMs) => {
    Atomics.wait(forEver, 0, 0, workMs);
  },
);
