import { Worker, type WorkerOptions } from "gibbs/worker";
import { briefJobs, type HandlerName, handlers } from "./handlers.js";
import { optionsOf, serve } from "./serve.js";

interface Options extends WorkerOptions {
  handler: HandlerName;
  /** Workers in this process, each with its own connection. */
  workers: number;
}

/** The number of workers that connect at once: thousands would overflow the hub's accept queue. */
const AT_ONCE = 50;

const { handler, workers: count, ...options } = optionsOf<Options>();
const workers: Worker[] = [];
while (workers.length < count) {
  const next = Array.from({ length: Math.min(AT_ONCE, count - workers.length) }, start);
  await Promise.all(next.map(({ connected }) => connected));
  workers.push(...next);
}

serve({}, { briefJobs }, () => {
  for (const worker of workers) void worker.close();
});

function start(): Worker {
  const worker = new Worker(handlers[handler], { ...options, handleSignals: false });
  worker.run().catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
  return worker;
}
