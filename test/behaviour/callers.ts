import { onTestFinished } from "vitest";
import type { RequestOptions } from "../../src/base/options/common-options.js";
import { Client } from "../../src/client/client.js";
import type { Hub } from "../../src/hub/hub.js";

/** A caller of a hub, over any transport. */
export interface Caller {
  request<Out = unknown>(input: unknown, options?: RequestOptions): Promise<Out>;
}

/** The three transports, each of which must keep the same promises. */
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
