import { expect, it, onTestFinished } from "vitest";
import { Client } from "../../src/client/client.js";
import type { Hub } from "../../src/hub/hub.js";
import { HeldJobs } from "../support/held-jobs.js";
import { Log } from "../support/log.js";
import { CONNECTION_LOST, WORKER_LOST } from "../support/outcomes.js";
import { hello, RawWorker } from "../support/raw-worker.js";
import { startClient, startHub, startWorker } from "../support/running.js";
import { startProxy } from "../support/start-proxy.js";
import { directions } from "../support/tcp-proxy.js";
import { startWitness } from "../support/witness.js";

// Connections that go silent, break or crawl, through a proxy between the peers and their hub.

const clocks = { heartbeatIntervalMs: 50, livenessTimeoutMs: 200, hubTimeoutMs: 1000 };

it("N1 a black hole to the hub: the worker is lost, told so, and comes back", async () => {
  const logger = new Log();
  const hub = await startHub({ ...clocks, logger });
  const witness = await startWitness(hub);
  const proxy = await startProxy(hub);
  const jobs = new HeldJobs();
  const workerLog = new Log();
  await startWorker(proxy.address, jobs.handler, { slots: 2, logger: workerLog });
  const failed = expect(hub.request(1)).rejects.toMatchObject({
    ...WORKER_LOST,
    message: expect.stringContaining("silent for 200 ms"),
  });
  await jobs.next();
  proxy.blackHole("toHub");
  await failed;
  await workerLog.heard(/no connection to the hub: the worker was silent/);
  await servedAgain(hub, jobs);
  expect(logger.count(/worker dropped/)).toBe(1);
  await witness.undisturbed();
});

it("N2 a black hole from the hub: lost by the hub's clock, abandoned by the worker's", async () => {
  const logger = new Log();
  const hub = await startHub({ ...clocks, logger });
  const witness = await startWitness(hub);
  const proxy = await startProxy(hub);
  const jobs = new HeldJobs();
  const workerLog = new Log();
  await startWorker(proxy.address, jobs.handler, { slots: 2, logger: workerLog });
  const failed = expect(hub.request(1)).rejects.toMatchObject(WORKER_LOST);
  await jobs.next();
  proxy.blackHole("fromHub");
  await failed;
  await workerLog.heard(/no connection to the hub: the hub was silent for 1000 ms/);
  await servedAgain(hub, jobs);
  expect(logger.count(/worker dropped/)).toBe(1);
  await witness.undisturbed();
});

it("N3 a black hole both ways: an idempotent request runs elsewhere, a caller gives up on its own", async () => {
  const hub = await startHub(clocks);
  const witness = await startWitness(hub);
  const [workerProxy, clientProxy] = [await startProxy(hub), await startProxy(hub)];
  const [near, far] = [new HeldJobs(), new HeldJobs()];
  const workerLog = new Log();
  await startWorker(workerProxy.address, far.handler, { slots: 2, logger: workerLog });
  const again = startClient(hub).requestWithInfo(1, { idempotent: true });
  await far.next();
  await startWorker(hub, near.handler, { slots: 2, workerId: "near" });
  workerProxy.blackHole("toHub", "fromHub");
  (await near.next()).answer("elsewhere");
  expect(await again).toMatchObject({ output: "elsewhere", workerId: "near", attempts: 2 });

  const unheard = startClient(clientProxy.address).request(2, { timeoutMs: 1500 });
  const gaveUp = expect(unheard).rejects.toMatchObject({
    code: "DEADLINE_EXCEEDED",
    reason: "NO_ANSWER",
    execution: "UNKNOWN",
  });
  await near.next();
  clientProxy.blackHole("toHub", "fromHub");
  await gaveUp;
  await workerLog.heard(/no connection to the hub: the hub was silent/);
  await witness.undisturbed();
});

it("N4 a reset mid-message: half a request does not count, half a result is a lost worker", async () => {
  const hub = await startHub();
  const witness = await startWitness(hub);
  const [workerProxy, clientProxy] = [await startProxy(hub), await startProxy(hub)];
  const jobs = new HeldJobs();
  await startWorker(workerProxy.address, jobs.handler, { workerId: "cut" });
  const large = "x".repeat(1_000_000);

  const client = startClient(clientProxy.address);
  await client.request("connected", { method: "witness" });
  clientProxy.allow(100_000, "toHub");
  const cut = expect(client.request(large)).rejects.toMatchObject(CONNECTION_LOST);
  await clientProxy.stuck("toHub");
  clientProxy.reset();
  await cut;
  await witness.undisturbed();
  expect(jobs.begun).toBe(0);

  const halfAnswered = client.requestWithInfo(1, { idempotent: true });
  const job = await jobs.next();
  workerProxy.allow(100_000, "toHub");
  job.answer(large);
  await workerProxy.stuck("toHub");
  workerProxy.reset();
  (await jobs.next()).answer("whole");
  expect(await halfAnswered).toMatchObject({ output: "whole", workerId: "cut", attempts: 2 });
  await witness.undisturbed();
});

it("N5 slices of one byte: everything is put together again", async () => {
  const hub = await startHub();
  const witness = await startWitness(hub);
  const proxy = await startProxy(hub);
  for (const direction of directions) proxy.set(direction, { sliceBytes: 1 });
  await startWorker(proxy.address, (x: unknown) => ({ x }), { slots: 4 });
  const client = startClient(proxy.address);
  const inputs = [34, "a text that has some length", [1, 2, 3], { key: "value" }];
  const answers = await Promise.all(inputs.map((x) => client.requestWithInfo(x)));
  for (const [index, answer] of answers.entries()) {
    expect(answer).toMatchObject({ output: { x: inputs[index] }, attempts: 1 });
  }
  await witness.undisturbed();
});

it("N6 a slow link: a large job in transit costs no worker, and a large request no call", async () => {
  // Scaled down from 4 MiB at 64 kbit/s, with a liveness timeout of 10 s.
  const hub = await startHub({ ...clocks, hubTimeoutMs: 30_000 });
  const witness = await startWitness(hub);
  const [workerProxy, clientProxy] = [await startProxy(hub), await startProxy(hub)];
  await startWorker(workerProxy.address, (x: string) => x.length, { slots: 2 });
  const client = startClient(clientProxy.address);
  await client.request("connected", { method: "witness" });
  clientProxy.allow(64 * 1024, "toHub");
  workerProxy.allow(64 * 1024, "fromHub");
  const request = client.requestWithInfo("x".repeat(512 * 1024));
  for (const [proxy, direction] of [
    [clientProxy, "toHub"],
    [workerProxy, "fromHub"],
  ] as const) {
    for (let round = 0; round < 4; round += 1) {
      await proxy.stuck(direction);
      // The loss of a silent worker shows that a liveness timeout has passed.
      const silent = new RawWorker(hub.address);
      silent.send(hello());
      expect(await silent.whyEnded()).toMatchObject({ reason: "WORKER_SILENT" });
      proxy.allow(64 * 1024, direction);
    }
    proxy.allow(Number.POSITIVE_INFINITY, direction);
  }
  expect(await request).toMatchObject({ output: 512 * 1024, attempts: 1 });
  await witness.undisturbed();
});

it("N7 a peer that accepts and says nothing: NOT_CONNECTED, and a worker dials until a hub answers", async () => {
  const hub = await startHub();
  const witness = await startWitness(hub);
  const proxy = await startProxy(hub);
  await proxy.setDoor("mute");
  const log = new Log();
  const options = { connectTimeoutMs: 200, logger: log, workerId: "patient" };
  const worker = startWorker(proxy.address, (x: number) => x + 1, options);
  const client = new Client(proxy.address, { connectTimeoutMs: 200 });
  onTestFinished(() => client.close());
  await expect(client.request(1)).rejects.toMatchObject({
    code: "UNAVAILABLE",
    reason: "NOT_CONNECTED",
    execution: "NOT_STARTED",
    attempts: 0,
  });
  await log.heard(/no connection to the hub: the hub was silent for 200 ms/, 2);
  await proxy.setDoor("open");
  await worker;
  const answer = await startClient(proxy.address).requestWithInfo(1);
  expect(answer).toMatchObject({ output: 2, workerId: "patient", attempts: 1 });
  await witness.undisturbed();
});

/** Checks that the worker of `jobs` serves the next request after losing one. */
async function servedAgain(hub: Hub, jobs: HeldJobs): Promise<void> {
  const next = startClient(hub).requestWithInfo("next");
  const job = await jobs.next();
  expect(job.input).toBe("next");
  job.answer("served");
  expect(await next).toMatchObject({ output: "served", attempts: 1 });
}
