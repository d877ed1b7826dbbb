import { expect, it } from "vitest";
import type { Client } from "../../src/client/client.js";
import { HeldJobs } from "../support/held-jobs.js";
import { Log } from "../support/log.js";
import { CONNECTION_LOST, WORKER_LOST } from "../support/outcomes.js";
import { startClient, startHub, startWorker } from "../support/running.js";
import { startProxy } from "../support/start-proxy.js";
import type { ProxiedConnection } from "../support/tcp-proxy.js";
import { startWitness } from "../support/witness.js";

// GOAWAY from a proxy between the peers and their hub, as one with a maximum connection age sends.

const INTERNAL_ERROR = 2;
const ENHANCE_YOUR_CALM = 11;
const TRANSPORT = { code: "INTERNAL", reason: "TRANSPORT", execution: "UNKNOWN" };
/** The shortest pauses when one hand-over follows another. */
const random = (): number => 0;

const transports = ["multiplex", "unary"] as const;

it("N8 a GOAWAY, and a cut later: running jobs and calls are finished, new ones use a new connection", async () => {
  const logger = new Log();
  const hub = await startHub({ logger });
  const witness = await startWitness(hub);
  const jobs = new HeldJobs();
  const workerLog = new Log();
  const proxies = { worker: await startProxy(hub), client: await startProxy(hub) };
  await startWorker(proxies.worker.address, jobs.handler, {
    slots: 4,
    logger: workerLog,
    random,
  });
  const clients = transports.map((transport) => startClient(proxies.client.address, { transport }));
  for (let round = 1; round <= 3; round += 1) {
    const running = clients.map((client) => client.requestWithInfo(`old ${round}`));
    const held = [await jobs.next(), await jobs.next()];
    // A proxy may announce it twice: before it refuses further streams, and after.
    const leaving = [...proxies.worker.goAway(), ...proxies.client.goAway()];
    proxies.worker.goAway();
    await workerLog.heard(/connected to the hub/, round + 1);
    await served(clients, jobs);
    for (const job of held) job.answer("finished");
    for (const answer of await Promise.all(running)) {
      expect(answer).toMatchObject({ output: "finished", attempts: 1 });
    }
    await released(leaving);
    await served(clients, jobs);
  }
  expect(logger.count(/worker dropped/)).toBe(0);

  // What the cut finds running is lost, and nothing else.
  const lost = expect(hub.request("too long")).rejects.toMatchObject(WORKER_LOST);
  const orphan = await jobs.next();
  const leaving = proxies.worker.goAway();
  await workerLog.heard(/connected to the hub/, 5);
  for (const connection of leaving) connection.reset();
  await lost;
  await workerLog.heard(/an old connection was lost/);
  await served(clients, jobs);
  orphan.answer("too late");
  await served(clients, jobs);

  const broken = clients.map((client) =>
    expect(client.request("too long")).rejects.toMatchObject({
      reason: expect.stringMatching(/^(CONNECTION_LOST|TRANSPORT)$/),
      execution: "UNKNOWN",
    }),
  );
  const unheard = [await jobs.next(), await jobs.next()];
  const old = proxies.client.goAway();
  await served(clients, jobs);
  for (const connection of old) connection.reset();
  await Promise.all(broken);
  for (const job of unheard) job.answer("too late");
  await served(clients, jobs);
  expect(jobs.mostAtOnce).toBeLessThanOrEqual(4);
  await witness.undisturbed();
});

it("N9 a GOAWAY under load: no call fails, and every job runs once", async () => {
  const logger = new Log();
  const hub = await startHub({ logger });
  const witness = await startWitness(hub);
  const proxy = await startProxy(hub);
  const begun = new Map<string, number>();
  const handler = async (input: string): Promise<string> => {
    begun.set(input, (begun.get(input) ?? 0) + 1);
    await new Promise(setImmediate);
    return input;
  };
  for (const slots of [1, 3]) await startWorker(proxy.address, handler, { slots, random });
  let isOver = false;
  const callers = transports.flatMap((transport) => {
    const client = startClient(proxy.address, { transport });
    return Array.from({ length: 8 }, (_, caller) =>
      callUntil(client, `${transport} ${caller}`, () => isOver),
    );
  });
  for (let round = 0; round < 10; round += 1) await released(proxy.goAway());
  isOver = true;
  const counts = await Promise.all(callers);
  expect(Math.min(...counts)).toBeGreaterThan(0);
  expect([...begun.values()].filter((times) => times !== 1)).toEqual([]);
  expect(logger.count(/worker dropped/)).toBe(0);
  await witness.undisturbed();
});

it("N10 a GOAWAY that ends the connection at once: lost as if it were cut, and both peers come back", async () => {
  const hub = await startHub();
  const witness = await startWitness(hub);
  const [workerProxy, clientProxy] = [await startProxy(hub), await startProxy(hub)];
  const jobs = new HeldJobs();
  await startWorker(workerProxy.address, jobs.handler, { slots: 2 });
  const clients = transports.map((transport) => startClient(clientProxy.address, { transport }));
  // The second is a lie: the hub has read that stream.
  for (const how of [{ code: ENHANCE_YOUR_CALM }, { lastStream: 0 }]) {
    const failed = expect(hub.request("lost")).rejects.toMatchObject(WORKER_LOST);
    const orphan = await jobs.next();
    workerProxy.goAway(how);
    await failed;
    orphan.answer("too late");
    await served(clients, jobs);
  }
  for (const [how, callers, outcome] of [
    // grpc-js itself sends a unary call again.
    [{ lastStream: 0 }, clients.slice(0, 1), CONNECTION_LOST],
    [{ code: INTERNAL_ERROR }, clients, TRANSPORT],
    // Not SLOW_READER, though a hub resets the calls of slow readers with this code.
    [{ code: ENHANCE_YOUR_CALM }, clients, CONNECTION_LOST],
  ] as const) {
    const failed = callers.map((client) =>
      expect(client.request("lost")).rejects.toMatchObject(outcome),
    );
    const lost = [];
    while (lost.length < callers.length) lost.push(await jobs.next());
    clientProxy.goAway(how);
    await Promise.all(failed);
    for (const job of lost) job.answer("its caller has gone");
    await served(clients, jobs);
  }
  await witness.undisturbed();
});

it("N11 a GOAWAY that refuses calls: they are sent again, since none of them was started", async () => {
  const hub = await startHub();
  const witness = await startWitness(hub);
  const proxy = await startProxy(hub);
  const jobs = new HeldJobs();
  await startWorker(hub, jobs.handler);
  const client = startClient(proxy.address, { transport: "unary" });
  await served([client], jobs);
  for (let round = 0; round < 3; round += 1) {
    // Nothing that is sent on this connection arrives.
    proxy.blackHole("toHub");
    const refused = client.requestWithInfo(round);
    await proxy.stuck("toHub");
    const leaving = proxy.goAway({ lastStream: 0 });
    (await jobs.next()).answer("in the end");
    expect(await refused).toMatchObject({ output: "in the end", attempts: 1 });
    for (const connection of leaving) connection.reset();
    await released(leaving);
  }
  expect(jobs.begun).toBe(4);
  await witness.undisturbed();
});

/** Sends requests one after another until `isOver`; returns how many were answered, each at once. */
async function callUntil(client: Client, name: string, isOver: () => boolean): Promise<number> {
  let count = 0;
  while (!isOver()) {
    count += 1;
    const input = `${name} ${count}`;
    expect(await client.requestWithInfo(input)).toMatchObject({ output: input, attempts: 1 });
  }
  return count;
}

/** Checks that each client's next request is answered by its first attempt. */
async function served(clients: readonly Client[], jobs: HeldJobs): Promise<void> {
  for (const client of clients) {
    const answer = client.requestWithInfo("next");
    (await jobs.next()).answer("served");
    expect(await answer).toMatchObject({ output: "served", attempts: 1 });
  }
}

/** Waits until the peers have closed these connections, which have nothing left to do. */
async function released(leaving: readonly ProxiedConnection[]): Promise<void> {
  await Promise.all(leaving.map(({ closed }) => closed));
}
