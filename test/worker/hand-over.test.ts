import { create } from "@bufbuild/protobuf";
import { expect, it, onTestFinished } from "vitest";
import { Changes } from "../../conformance/kit/changes.js";
import { Journal } from "../../conformance/kit/journal.js";
import { ScriptedHub } from "../../conformance/kit/scripted-hub.js";
import type { WorkStream } from "../../conformance/kit/work-stream.js";
import { systemClock } from "../../src/base/clock.js";
import { GibbsError } from "../../src/base/errors/error.js";
import { welcomeDefaults } from "../../src/base/options/limits.js";
import { WelcomeSchema } from "../../src/wire/index.js";
import { encodePayload } from "../../src/wire/payload/payload.js";
import { Worker } from "../../src/worker/worker.js";
import { HeldJobs } from "../support/held-jobs.js";
import { Log } from "../support/log.js";
import { WORKER_LOST } from "../support/outcomes.js";
import { startClient, startHub, startWorker } from "../support/running.js";
import { startProxy } from "../support/start-proxy.js";

// A worker of two connections: one that is going away, and the one that takes over.

async function start() {
  const hub = await startHub();
  const proxy = await startProxy(hub);
  const jobs = new HeldJobs();
  const logger = new Log();
  const worker = await startWorker(proxy.address, jobs.handler, { slots: 2, logger });
  return { client: startClient(hub), proxy, jobs, logger, worker };
}

/** A worker with a job on each of two connections. */
async function startHandedOver() {
  const world = await start();
  const { client, proxy, jobs, logger } = world;
  const answers = [client.requestWithInfo("on the old one")];
  const held = [await jobs.next()];
  proxy.goAway();
  await logger.heard(/connected to the hub/, 2);
  answers.push(client.requestWithInfo("on the new one"));
  held.push(await jobs.next());
  return { ...world, answers, held };
}

it("finishes the jobs on both when it drains", async () => {
  const { client, proxy, worker, answers, held } = await startHandedOver();
  const drained = worker.drain();
  const waiting = client.request("for the next worker", { queueTimeoutMs: 1 });
  await expect(waiting).rejects.toMatchObject({ reason: "QUEUE_TIMEOUT" });
  for (const job of held) job.answer("finished");
  for (const answer of await Promise.all(answers)) {
    expect(answer).toMatchObject({ output: "finished", attempts: 1 });
  }
  await drained;
  await Promise.all(Array.from(proxy.connections, ({ closed }) => closed));
});

it("leaves both when it is closed", async () => {
  const { proxy, worker, answers } = await startHandedOver();
  const lost = answers.map((answer) => expect(answer).rejects.toMatchObject(WORKER_LOST));
  await worker.close();
  await Promise.all(lost);
  await Promise.all(Array.from(proxy.connections, ({ closed }) => closed));
});

it("gives credit on the new one only for slots that are free", async () => {
  const { client, jobs, answers, held } = await startHandedOver();
  const third = client.requestWithInfo("when one of them is free");
  held[0]?.answer("first");
  await answers[0];
  (await jobs.next()).answer("third");
  expect(await third).toMatchObject({ output: "third", attempts: 1 });
  expect(jobs.mostAtOnce).toBe(2);
  held[1]?.answer("second");
  expect(await answers[1]).toMatchObject({ output: "second", attempts: 1 });
});

it("serves on the old one as long as there is no new one, and then hands over", async () => {
  const { client, proxy, jobs, logger } = await start();
  await proxy.setDoor("shut");
  proxy.goAway();
  await logger.heard(/no connection to the hub/, 2);
  for (let round = 0; round < 3; round += 1) {
    const answer = client.requestWithInfo(round);
    (await jobs.next()).answer("served");
    expect(await answer).toMatchObject({ output: "served", attempts: 1 });
  }
  const leaving = [...proxy.connections];
  await proxy.setDoor("open");
  await Promise.all(leaving.map(({ closed }) => closed));
  expect(logger.count(/connected to the hub/)).toBe(2);
  const answer = client.requestWithInfo("on the new one");
  (await jobs.next()).answer("served");
  expect(await answer).toMatchObject({ output: "served", attempts: 1 });
});

/** A worker whose only job runs on a connection that is going away, at a hub that only listens. */
async function startScripted() {
  const changes = new Changes(systemClock);
  const hub = new ScriptedHub(systemClock, new Journal(), () => changes.notify());
  await hub.listen();
  onTestFinished(() => hub.kill());
  const jobs = new HeldJobs();
  const worker = new Worker(jobs.handler, { hub: hub.address, handleSignals: false });
  onTestFinished(() => worker.close());
  const ended = worker.run();
  ended.catch(() => {});
  const heard = (stream: WorkStream, kind: string): Promise<unknown> =>
    changes.waitFor(() => stream.received.find((event) => event.case === kind), 60_000);
  const next = async (): Promise<WorkStream> => {
    const known = hub.streams.length;
    const stream = await changes.waitFor(() => hub.streams[known], 60_000);
    if (stream === undefined) throw new Error("no stream was opened");
    return stream;
  };
  const welcome = (stream: WorkStream): void =>
    stream.send({ case: "welcome", value: create(WelcomeSchema, welcomeDefaults) });
  const old = await next();
  await heard(old, "ready");
  const job = { jobId: 1, method: "", attempt: 1, metadata: [], requestId: "r" };
  welcome(old);
  old.send({ case: "job", value: { ...job, payload: encodePayload(null) } });
  return { hub, jobs, ended, heard, next, welcome, old, held: await jobs.next() };
}

it("finishes the job on the old one and then stops if the hub refuses the new one", async () => {
  const { hub, ended, heard, old, held } = await startScripted();
  hub.refusal = new GibbsError("PERMISSION_DENIED", "not you");
  hub.goAway();
  await heard(old, "drain");
  held.answer("finished");
  await heard(old, "result");
  old.end();
  await expect(ended).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
  expect(hub.streams.length).toBe(2);
});

it("stops if the hub asks for that on the old one", async () => {
  const { hub, ended, heard, next, welcome, old, held } = await startScripted();
  const opened = next();
  hub.goAway();
  const taken = await opened;
  welcome(taken);
  await heard(old, "drain");
  old.send({ case: "drain", value: { next: { case: "exit", value: true } } });
  held.answer("finished");
  await heard(old, "result");
  old.end();
  await heard(taken, "drain");
  taken.end();
  await ended;
  expect(hub.streams.length).toBe(2);
});
