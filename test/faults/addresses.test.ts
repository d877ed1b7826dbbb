import { expect, it } from "vitest";
import type { RequestOptions } from "../../src/base/options/common-options.js";
import type { Client } from "../../src/client/client.js";
import { Log } from "../support/log.js";
import { startClient, startHub, startWorker } from "../support/running.js";
import { startProxy } from "../support/start-proxy.js";
import { DEAD, startMute, startStranger, startWeb } from "../support/strangers.js";
import { until } from "../support/until.js";
import { startWitness } from "../support/witness.js";

// Lists of hub addresses.

const transports = ["multiplex", "unary"] as const;

it("N12 several addresses, dead, mute, not a hub, and a hub: the answers", async () => {
  const hub = await startHub();
  const witness = await startWitness(hub);
  const others = [
    await startMute(),
    await startWeb(),
    await startStranger(),
    await startStranger(false),
  ];
  const list = [DEAD, ...others, hub.address].join(", ");
  await startWorker(list, (x: number) => x + 1);
  for (const transport of transports) {
    // The choice is random.
    for (let round = 0; round < 4; round += 1) {
      const client = startClient(list, { transport });
      expect(await client.requestWithInfo(round)).toMatchObject({ output: round + 1, attempts: 1 });
      client.close();
    }
  }
  await witness.undisturbed();
});

it("N13 a hub of a list that is lost or drains: callers and workers go to another, and no call fails", async () => {
  const hubs = [await startHub(), await startHub()] as const;
  const witness = await startWitness(hubs[0]);
  const [first, second] = [await startProxy(hubs[0]), await startProxy(hubs[1])];
  const list = `${first.address},${second.address}`;
  const logger = new Log();
  const handler = async (x: number): Promise<number> => {
    await new Promise(setImmediate);
    return x + 1;
  };
  // Workers of one hub each, and one that goes where it can.
  for (const hub of hubs) await startWorker(hub, handler, { slots: 4 });
  await startWorker(list, handler, { logger, slots: 4 });
  const phase = { isOver: false, options: { idempotent: true, maxAttempts: 10 } as RequestOptions };
  const callers = transports.flatMap((transport) => {
    const client = startClient(list, { transport });
    return Array.from({ length: 4 }, () => callUntil(client, phase));
  });
  for (const [cut, other] of [
    [first, second],
    [second, first],
    [first, second],
  ] as const) {
    await cut.setDoor("shut");
    cut.reset();
    await until(() => other.connections.size === 3);
    await cut.setDoor("open");
  }
  // What a draining hub does not accept was not started.
  phase.options = {};
  await hubs[1].drain();
  await until(() => first.connections.size === 3);
  phase.isOver = true;
  for (const count of await Promise.all(callers)) expect(count).toBeGreaterThan(0);
  await logger.heard(/connected to the hub/, 2);
  await witness.undisturbed();
});

/** Sends requests one after another; returns how many were answered. */
async function callUntil(
  client: Client,
  phase: { isOver: boolean; options: RequestOptions },
): Promise<number> {
  let count = 0;
  while (!phase.isOver) {
    count += 1;
    expect(await client.request(count, phase.options)).toBe(count + 1);
  }
  return count;
}
