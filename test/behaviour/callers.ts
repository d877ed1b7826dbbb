import { onTestFinished } from "vitest";
import type { RequestOptions } from "../../src/base/options.js";
import { Client } from "../../src/client/client.js";
import type { Hub } from "../../src/hub/hub.js";

/** Whoever asks a hub, by whichever way. */
export interface Caller {
  request<Out = unknown>(input: unknown, options?: RequestOptions): Promise<Out>;
}

/** The three ways to ask: what is promised is the same by each. */
export const ways: [name: string, open: (hub: Hub) => Caller][] = [
  ["multiplex", (hub) => startClient(hub, "multiplex")],
  ["unary", (hub) => startClient(hub, "unary")],
  ["in process", (hub) => hub],
];

function startClient(hub: Hub, transport: "multiplex" | "unary"): Client {
  const client = new Client(hub.address, { transport });
  onTestFinished(() => client.close());
  return client;
}
