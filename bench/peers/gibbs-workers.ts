import { startWorkers } from "gibbs/worker";
import { optionsOf, serve } from "./serve.js";

interface Options {
  hub: string;
  count: number;
  /** How long the model blocks on each request, in milliseconds. */
  blockMs: number;
}

const { hub, count, blockMs } = optionsOf<Options>();
const model = new URL("./gibbs-model.js", import.meta.url);
const workers = await startWorkers(model, { hub, count, args: [blockMs] });
await workers.connected;

serve({}, {}, () => void workers.close());
