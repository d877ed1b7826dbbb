import { expect } from "vitest";
import type { Client } from "../../src/client/client.js";

/** Resolves when all that the client has sent so far is at its hub: one connection keeps the order. */
export async function arrived(client: Client): Promise<void> {
  const probe = client.request("probe", { method: "nobody's", queueTimeoutMs: 0 });
  await expect(probe).rejects.toMatchObject({ execution: "NOT_STARTED" });
}
