import { createServer, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { delay, systemClock } from "#dist/base/clock.js";
import type { Throughput } from "./loads.js";
import { serve } from "./serve.js";
import { usage } from "./usage.js";

// The cost of Node's HTTP/2 alone for a hub with many connections: sends each message to the
// longest-idle connection, which echoes it, and does nothing else.

const message = Buffer.alloc(64);
const idle: ServerHttp2Stream[] = [];
let answered = 0;
let isRunning = false;

const server = createServer();
server.on("stream", (stream) => {
  stream.respond({ ":status": 200 });
  stream.on("error", () => {});
  stream.on("data", () => {
    answered += 1;
    idle.push(stream);
    if (isRunning) send();
  });
  idle.push(stream);
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const { port } = server.address() as AddressInfo;

serve({ address: `127.0.0.1:${port}` }, { usage, throughput }, () => {});

function send(): void {
  idle.shift()?.write(message);
}

/** A closed loop: each of `callers` waits for its message before sending the next. */
async function throughput(load: { callers: number; durationMs: number }): Promise<Throughput> {
  const before = answered;
  isRunning = true;
  for (let i = 0; i < load.callers; i += 1) send();
  await delay(systemClock, load.durationMs);
  isRunning = false;
  const count = answered - before;
  return { answered: count, perSecond: (count * 1000) / load.durationMs, lost: 0 };
}
