// The same web app with a hub inside: its workers are separate processes.
import { serve } from "@hono/node-server";
import { Hub } from "gibbs/hub";
import { startWorkers } from "gibbs/worker";
import { Hono } from "hono";

const hub = new Hub({ listen: "127.0.0.1:0" });
const address = await hub.listen();
const model = new URL("./model.js", import.meta.url);
const workers = await startWorkers(model, { count: 4, hub: address });

const app = new Hono();
app.get("/request", async (c) => c.json({ result: await hub.request(Number(c.req.query("x"))) }));

const server = serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 8000) }, ({ port }) => {
  console.log(`http://127.0.0.1:${port}/request?x=3`);
});

process.once("SIGTERM", shutDown);
process.once("SIGINT", shutDown);

async function shutDown() {
  server.close();
  await workers.drain();
  await hub.drain();
}
