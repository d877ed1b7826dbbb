import { join } from "node:path";
import { startWorkers } from "gibbs/worker";
import { expect, it, onTestFinished } from "vitest";
import type { JobContext } from "../../src/worker/handler.js";
import { HeldJobs } from "../support/held-jobs.js";
import { Log } from "../support/log.js";
import { WORKER_LOST } from "../support/outcomes.js";
import { answer, hello, RawWorker, ready } from "../support/raw-worker.js";
import { root, startClient, startHub, startWorker } from "../support/running.js";
import { startProxy } from "../support/start-proxy.js";
import { startWitness } from "../support/witness.js";

// Workers that throw odd values, reconnect, or share a name, and messages that cross on the wire.

it("W9 a handler that throws odd things: a readable HANDLER_ERROR, and the slot is free again", async () => {
  const hub = await startHub();
  const witness = await startWitness(hub);
  const workers = await startWorkers(join(root, "test/fixtures/odd.js"), { hub: hub.address });
  onTestFinished(() => workers.close());
  const client = startClient(hub);
  const [pid] = workers.pids;
  for (const kind of await client.request<string[]>("kinds")) {
    const error = await client.request(kind).catch((thrown: unknown) => thrown);
    expect(error, kind).toMatchObject({
      code: "UNKNOWN",
      reason: "HANDLER_ERROR",
      execution: "FINISHED",
      attempts: 1,
    });
    const { message } = error as Error;
    expect(message.isWellFormed() && Buffer.byteLength(message) <= 1024, kind).toBe(true);
  }
  expect(workers.pids, "no process died of it").toEqual([pid]);
  await witness.undisturbed();
});

it("W10 a cancel that crosses the result: CANCELLED, and the result is dropped", async () => {
  const hub = await startHub();
  const witness = await startWitness(hub);
  const worker = new RawWorker(hub.address);
  worker.send(hello(), ready);
  const abort = new AbortController();
  const failed = expect(hub.request(1, { signal: abort.signal })).rejects.toMatchObject({
    code: "CANCELLED",
    reason: "CLIENT_CANCELLED",
    execution: "UNKNOWN",
    attempts: 1,
  });
  const { jobId } = await worker.hear("job");
  // The result is in transit when the request is cancelled, and so is the cancel when the result
  // arrives.
  worker.send(answer(jobId, "too late"), ready);
  abort.abort();
  await failed;
  expect(await worker.hear("cancel")).toMatchObject({ jobId });
  const next = hub.request(2);
  const job = await worker.hear("job");
  worker.send(answer(job.jobId, "its own"));
  expect(await next).toBe("its own");
  await witness.undisturbed();
});

it("W11 a drain that crosses a job: given back unstarted, and another worker's first attempt", async () => {
  const hub = await startHub();
  const witness = await startWitness(hub);
  const proxy = await startProxy(hub);
  const jobs = new HeldJobs();
  const leaving = await startWorker(proxy.address, jobs.handler);
  // The hub has not received the drain when it writes the job.
  proxy.blackHole("toHub");
  const drained = leaving.drain();
  const request = hub.request(1);
  await witness.undisturbed();
  proxy.allow(Number.POSITIVE_INFINITY, "toHub");
  await drained;
  expect(jobs.begun).toBe(0);
  await startWorker(hub, (_: unknown, { attempt }: JobContext) => `attempt ${attempt}`);
  expect(await request).toBe("attempt 1");
  await witness.undisturbed();
});

it("W12 a nack after a cancel: the caller keeps CANCELLED, and nothing runs again", async () => {
  const hub = await startHub();
  const witness = await startWitness(hub);
  for (const execution of [1, 2]) {
    const worker = new RawWorker(hub.address);
    worker.send(hello(), ready);
    const abort = new AbortController();
    const options = { signal: abort.signal, idempotent: true, requestId: "cancelled" };
    const cancelled = expect(hub.request(1, options)).rejects.toMatchObject({
      code: "CANCELLED",
      reason: "CLIENT_CANCELLED",
      execution: "UNKNOWN",
    });
    const { jobId } = await worker.hear("job");
    abort.abort();
    await cancelled;
    await worker.hear("cancel");
    worker.send({ case: "nack", value: { jobId, execution } }, ready);
    const next = hub.request(2, { requestId: "next" });
    const job = await worker.hear("job");
    expect(job).toMatchObject({ requestId: "next", attempt: 1 });
    worker.send(answer(job.jobId, "answered"), { case: "drain", value: {} });
    expect(await next).toBe("answered");
    await worker.ended;
  }
  await witness.undisturbed();
});

it("W13 a reconnect with an orphan still computing: no credit until it ends", async () => {
  const logger = new Log();
  const hub = await startHub({ logger });
  const witness = await startWitness(hub);
  const proxy = await startProxy(hub);
  const jobs = new HeldJobs();
  await startWorker(proxy.address, jobs.handler);
  const failed = expect(hub.request(1)).rejects.toMatchObject(WORKER_LOST);
  const orphan = await jobs.next();
  proxy.reset();
  await failed;
  // The witness, the worker, and the worker again.
  await logger.heard(/worker connected/, 3);
  const next = hub.request(2);
  await witness.undisturbed();
  expect([jobs.begun, orphan.context.signal.aborted]).toEqual([1, true]);
  orphan.answer("of the orphan");
  const job = await jobs.next();
  job.answer("its own");
  expect(await next).toBe("its own");
  expect(jobs.mostAtOnce).toBe(1);
});

it("W14 the same instance over a half-open stream: the older is superseded at once", async () => {
  const logger = new Log();
  const hub = await startHub({
    logger,
    heartbeatIntervalMs: 50,
    hubTimeoutMs: 500,
    // Too long to be what ends the older stream.
    livenessTimeoutMs: 600_000,
  });
  const witness = await startWitness(hub);
  const proxy = await startProxy(hub);
  const jobs = new HeldJobs();
  await startWorker(proxy.address, jobs.handler, { workerId: "half-open" });
  const failed = expect(hub.request(1)).rejects.toMatchObject({
    ...WORKER_LOST,
    message: expect.stringContaining("opened a newer stream"),
  });
  const orphan = await jobs.next();
  proxy.blackHole("toHub", "fromHub");
  await failed;
  orphan.answer("of the orphan");
  const next = startClient(hub).requestWithInfo(2);
  (await jobs.next()).answer("its own");
  expect(await next).toMatchObject({ output: "its own", workerId: "half-open", attempts: 1 });
  expect(logger.count(/worker dropped/)).toBe(1);
  await witness.undisturbed();
});

it("W15 two workers with one worker_id: both serve, and the loss of one does not affect the other", async () => {
  const hub = await startHub();
  const witness = await startWitness(hub);
  const jobs = new HeldJobs();
  await startWorker(hub, jobs.handler, { workerId: "twin" });
  const twin = new RawWorker(hub.address);
  twin.send(hello({ workerId: "twin" }), ready);
  await twin.hear("welcome");
  const client = startClient(hub);
  const options = { idempotent: true };
  const first = client.requestWithInfo(1, options);
  const job = await jobs.next();
  const second = client.requestWithInfo(2, options);
  await twin.hear("job");
  twin.cancel();
  job.answer("first");
  expect(await first).toMatchObject({ output: "first", workerId: "twin", attempts: 1 });
  (await jobs.next()).answer("second");
  expect(await second).toMatchObject({ output: "second", workerId: "twin", attempts: 2 });
  await witness.undisturbed();
});
