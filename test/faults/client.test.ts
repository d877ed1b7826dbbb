import { once } from "node:events";
import { expect, it } from "vitest";
import type { GibbsError } from "../../src/base/errors/error.js";
import { DETAILS_KEY, fromStatus } from "../../src/wire/grpc/status.js";
import { decodePayload } from "../../src/wire/payload/payload.js";
import { arrived } from "../support/arrived.js";
import { HeldJobs } from "../support/held-jobs.js";
import { ManualClock } from "../support/manual-clock.js";
import { callRaw, encodeRequest } from "../support/raw-call.js";
import { connectHttp2, frame, paths, post } from "../support/raw-http2.js";
import { call, RawMultiplex } from "../support/raw-multiplex.js";
import { answer, hello, RawWorker, ready } from "../support/raw-worker.js";
import { gibbs, startClient, startHub, startWorker } from "../support/running.js";
import { startWitness } from "../support/witness.js";

// Callers that cancel, set odd deadlines, die, or flood their hub.

const cancelled = { code: "CANCELLED", reason: "CLIENT_CANCELLED" };
const overInQueue = {
  code: "DEADLINE_EXCEEDED",
  reason: "DEADLINE_QUEUED",
  execution: "NOT_STARTED",
  attempts: 0,
};

it("C1 cancelled while queued: CANCELLED, and no worker ever gets it", async () => {
  const hub = await startHub();
  const witness = await startWitness(hub);
  const client = startClient(hub);
  const abort = new AbortController();
  const { signal } = abort;
  const inProcess = expect(hub.request("cancelled", { signal })).rejects.toMatchObject({
    ...cancelled,
    execution: "NOT_STARTED",
    attempts: 0,
  });
  const remote = expect(client.request("cancelled", { signal })).rejects.toMatchObject(cancelled);
  await arrived(client);
  abort.abort();
  await Promise.all([inProcess, remote]);
  const next = client.request("next");
  const worker = new RawWorker(hub.address);
  worker.send(hello(), ready);
  const job = await worker.hear("job");
  expect(decodePayload(job.payload)).toBe("next");
  worker.send(answer(job.jobId, "answered"), ready);
  expect(await next).toBe("answered");
  await witness.undisturbed();
});

it("C2 cancelled while it runs: CANCELLED, the handler is told, and keeps its slot until it ends", async () => {
  const hub = await startHub();
  const witness = await startWitness(hub);
  const jobs = new HeldJobs();
  await startWorker(hub, jobs.handler);
  for (const caller of [startClient(hub), hub]) {
    const abort = new AbortController();
    const failed = expect(caller.request(1, { signal: abort.signal })).rejects.toMatchObject({
      ...cancelled,
      execution: "UNKNOWN",
    });
    const job = await jobs.next();
    const told = once(job.context.signal, "abort");
    abort.abort();
    await Promise.all([failed, told]);
    const next = caller.request(2);
    const begun = jobs.begun;
    await witness.undisturbed();
    expect(jobs.begun, "the slot is not free").toBe(begun);
    job.answer("too late");
    (await jobs.next()).answer("its own");
    expect(await next).toBe("its own");
  }
  expect(jobs.mostAtOnce).toBe(1);
});

it("C3 a deadline of 1 ms: DEADLINE_EXCEEDED, and never dispatched, though a worker is idle", async () => {
  const hub = await startHub();
  const witness = await startWitness(hub);
  const jobs = new HeldJobs();
  await startWorker(hub, jobs.handler, { slots: 64 });
  const client = startClient(hub);
  // If its time runs out before it connects, it fails with NOT_CONNECTED.
  await arrived(client);
  for (let times = 0; times < 20; times += 1) {
    await expect(hub.request(1, { timeoutMs: 1 })).rejects.toMatchObject(overInQueue);
    // The transport may report the deadline before the hub does, without knowing the reason.
    await expect(client.request(1, { timeoutMs: 1 })).rejects.toMatchObject({
      code: "DEADLINE_EXCEEDED",
    });
  }
  await witness.undisturbed();
  expect(jobs.begun).toBe(0);
});

it("C4 a deadline that has already passed: DEADLINE_EXCEEDED, and never dispatched", async () => {
  const hub = await startHub();
  const witness = await startWitness(hub);
  const jobs = new HeldJobs();
  await startWorker(hub, jobs.handler);
  await expect(hub.request(1, { timeoutMs: 0 })).rejects.toMatchObject(overInQueue);
  const client = startClient(hub);
  await arrived(client);
  const over = { code: "DEADLINE_EXCEEDED" };
  await expect(client.request(1, { timeoutMs: 0 })).rejects.toMatchObject(over);
  const headers = { "grpc-timeout": "0n" };
  const body = frame(encodeRequest(1));
  const { status } = await post(connectHttp2(hub.address), paths.request, body, headers);
  expect(status).toMatchObject(over);
  await witness.undisturbed();
  expect(jobs.begun).toBe(0);
});

it("C6 no deadline: the hub's own bounds the call", async () => {
  const hub = await startHub({ defaultTimeoutMs: 200 });
  const witness = await startWitness(hub);
  expect(await callRaw(hub.address, encodeRequest(1))).toMatchObject(overInQueue);
  await expect(hub.request(1)).rejects.toMatchObject(overInQueue);
  await witness.undisturbed();
});

it("C7 killed mid-call: its job is cancelled, and the slot serves the next", async () => {
  const hub = await startHub({ maxHeldBytes: 2000 });
  const witness = await startWitness(hub);
  const jobs = new HeldJobs();
  await startWorker(hub, jobs.handler);
  const caller = gibbs(["request", `"${"x".repeat(1500)}"`, "--hub", hub.address]);
  const job = await jobs.next();
  const told = once(job.context.signal, "abort");
  caller.process.kill("SIGKILL");
  await told;
  job.answer("to nobody");
  const next = startClient(hub).requestWithInfo("y".repeat(1500));
  (await jobs.next()).answer("served");
  expect(await next, "what it held is free").toMatchObject({ output: "served", attempts: 1 });
  await witness.undisturbed();
});

it("C8 1,100 quick cancels: each CANCELLED, none remains, and other connections are unaffected", async () => {
  const hub = await startHub();
  const witness = await startWitness(hub);
  const worker = new RawWorker(hub.address);
  worker.send(hello());
  await worker.hear("welcome");
  const client = startClient(hub);
  const abort = new AbortController();
  const ends = Array.from({ length: 1100 }, () =>
    client.request("cancelled", { signal: abort.signal }).catch((error: unknown) => error),
  );
  await arrived(client);
  abort.abort();
  for (const end of await Promise.all(ends)) expect(end).toMatchObject(cancelled);
  await witness.undisturbed();
  // HTTP/2 may have closed the connection because of the resets; the client reconnects.
  await arrived(client);
  const next = client.request("next");
  worker.send(ready);
  const job = await worker.hear("job");
  expect(decodePayload(job.payload)).toBe("next");
  worker.send(answer(job.jobId, "answered"));
  expect(await next).toBe("answered");
  await witness.undisturbed();
});

it("C10 the same id on two open calls: each gets its own answer, or only their stream ends", async () => {
  const hub = await startHub();
  const witness = await startWitness(hub);
  const jobs = new HeldJobs();
  await startWorker(hub, jobs.handler, { slots: 3 });
  const client = startClient(hub);
  const ask = (x: number) => client.requestWithInfo(x, { requestId: "twice" });
  const answers = Promise.all([ask(1), ask(2)]);
  const begun = [await jobs.next(), await jobs.next()];
  for (const job of begun.reverse()) job.answer(`answer to ${String(job.input)}`);
  expect(await answers).toMatchObject([
    { output: "answer to 1", requestId: "twice", attempts: 1 },
    { output: "answer to 2", requestId: "twice", attempts: 1 },
  ]);
  await witness.undisturbed();

  const stream = new RawMultiplex(hub.address);
  stream.send(call(1, "first"));
  const first = await jobs.next();
  const told = once(first.context.signal, "abort");
  const bystander = client.requestWithInfo("bystander");
  const next = await jobs.next();
  stream.send(call(2, "behind it"), call(1, "second"), call(3, "never read"));
  const { code, details, metadata } = await stream.ended;
  expect(fromStatus(code, details, metadata.get(DETAILS_KEY)[0])).toMatchObject({
    code: "INVALID_ARGUMENT",
    reason: "PROTOCOL_VIOLATION",
  });
  await told;
  first.answer("to nobody");
  next.answer("its own");
  expect(await bystander).toMatchObject({ output: "its own", attempts: 1 });
  await witness.undisturbed();
  expect(jobs.begun, "what came behind the first was given up").toBe(4);
});

it("C11 a flood of misspelt methods: a tenth of the queue waits for NO_WORKER, the rest is refused", async () => {
  const clock = new ManualClock();
  const patience = { heartbeatIntervalMs: 200_000, livenessTimeoutMs: 600_000 };
  const hub = await startHub({ ...patience, clock, maxQueued: 100, noWorkerTimeoutMs: 30_000 });
  const witness = await startWitness(hub);
  const worker = new RawWorker(hub.address);
  worker.send(hello(), ready);
  await worker.hear("welcome");
  const client = startClient(hub);
  const ends = Array.from({ length: 1000 }, (_, x) =>
    client.request(x, { method: `sqare${x}` }).catch((error: GibbsError) => error),
  );
  await arrived(client);
  const rightly = client.request("spelt right");
  const { jobId } = await worker.hear("job");
  worker.send(answer(jobId, "served"));
  expect(await rightly).toBe("served");
  await witness.undisturbed();
  await clock.advance(30_000);
  const notStarted = { execution: "NOT_STARTED", retryAfterMs: expect.any(Number) };
  const full = { code: "RESOURCE_EXHAUSTED", reason: "QUEUE_FULL", ...notStarted };
  const noWorker = { code: "UNAVAILABLE", reason: "NO_WORKER", ...notStarted };
  for (const [x, end] of (await Promise.all(ends)).entries()) {
    expect(end).toMatchObject(x < 10 ? noWorker : full);
  }
  await witness.undisturbed();
});
