// The web app that calls the model directly: one request at a time.
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import MyAwesomeModel from "./model.js";

const model = new MyAwesomeModel();
const app = new Hono();

app.get("/request", (c) => c.json({ result: model.call(Number(c.req.query("x"))) }));

serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 8000) }, ({ port }) => {
  console.log(`http://127.0.0.1:${port}/request?x=3`);
});
