import { expect } from "vitest";
import type { Client } from "../../src/client/client.js";

/**
 * Resolves when everything that the client has sent so far has reached its hub: a connection
 * preserves order.
 */
export async function arrived(client: Client): Promise<void> {
  const probe = client.request("probe", { method: "nobody's", queueTimeoutMs: 0 });
  await expect(probe).rejects.toMatchObject({ execution: "NOT_STARTED" });
}
