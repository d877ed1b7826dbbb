import { expect, it } from "vitest";
import { HeldJobs } from "../support/held-jobs.js";
import { WORKER_LOST } from "../support/outcomes.js";
import { callRaw } from "../support/raw-call.js";
import { answer, hello, RawWorker, ready } from "../support/raw-worker.js";
import { startClient, startHub, startWorker } from "../support/running.js";
import { startProxy } from "../support/start-proxy.js";
import { startWitness } from "../support/witness.js";

// Workers that break the protocol, send too much, or receive what they cannot read.

const violation = { code: "INVALID_ARGUMENT", reason: "PROTOCOL_VIOLATION" };

it("W16 no hello: HELLO_TIMEOUT, and the place is free again", async () => {
  const hub = await startHub({ helloTimeoutMs: 200, maxWorkers: 2 });
  const witness = await startWitness(hub);
  const mute = new RawWorker(hub.address);
  const reason = { code: "DEADLINE_EXCEEDED", reason: "HELLO_TIMEOUT" };
  expect(await mute.whyEnded()).toMatchObject(reason);
  await startWorker(hub, (x: number) => x + 1);
  expect(await hub.request(1)).toBe(2);
  await witness.undisturbed();
});

it("W17 ready before hello: PROTOCOL_VIOLATION, and no job", async () => {
  const hub = await startHub();
  const witness = await startWitness(hub);
  const waiting = hub.request(1);
  const rash = new RawWorker(hub.address);
  rash.send(ready, hello());
  expect(await rash.whyEnded()).toMatchObject(violation);
  await startWorker(hub, (x: number) => x + 1);
  expect(await waiting).toBe(2);
  expect(rash.count("job")).toBe(0);
  await witness.undisturbed();
});

it("W18 ready of a billion slots: jobs up to its slots, and the rest go to others", async () => {
  const hub = await startHub({ maxSlots: 4 });
  const witness = await startWitness(hub);
  const boaster = new RawWorker(hub.address);
  boaster.send(hello(), { case: "ready", value: { slots: 1_000_000_000 } });
  const answers = Promise.all([1, 2, 3, 4, 5, 6].map((x) => hub.request<string>(x)));
  const jobIds: number[] = [];
  while (jobIds.length < 4) jobIds.push((await boaster.hear("job")).jobId);
  const others: unknown[] = [];
  await startWorker(hub, (x: unknown) => {
    others.push(x);
    return "other";
  });
  const last = hub.request("last");
  expect(await last).toBe("other");
  expect([boaster.count("job"), others]).toEqual([4, [5, 6, "last"]]);
  for (const jobId of jobIds) boaster.send(answer(jobId, "boaster"));
  expect((await answers).filter((one) => one === "boaster")).toHaveLength(4);
  await witness.undisturbed();
});

it("W19 a result twice: the first counts, and the second reaches nobody", async () => {
  const hub = await startHub();
  const witness = await startWitness(hub);
  const worker = new RawWorker(hub.address);
  worker.send(hello(), { case: "ready", value: { slots: 2 } });
  const [first, other] = [hub.request(1), hub.request(2)];
  const [job, otherJob] = [await worker.hear("job"), await worker.hear("job")];
  worker.send(answer(job.jobId, "first"), answer(job.jobId, "second"), ready);
  const next = hub.request(3);
  const nextJob = await worker.hear("job");
  worker.send(answer(job.jobId, "third"), answer(nextJob.jobId, "next"));
  worker.send(answer(otherJob.jobId, "other"));
  expect(await Promise.all([first, other, next])).toEqual(["first", "other", "next"]);
  await witness.undisturbed();
});

it("W20 a result for a foreign or finished job: dropped, and the owner's counts", async () => {
  const hub = await startHub();
  const witness = await startWitness(hub);
  const owner = new RawWorker(hub.address);
  owner.send(hello(), ready);
  const owned = hub.request(1);
  const { jobId } = await owner.hear("job");
  const meddler = new RawWorker(hub.address);
  meddler.send(hello(), answer(jobId, "forged"), answer(4_000_000_000, "made up"), ready);
  const own = hub.request(2);
  const ownJob = await meddler.hear("job");
  owner.send(answer(jobId, "true"), ready);
  expect(await owned).toBe("true");
  meddler.send(answer(ownJob.jobId, "also true"), ready);
  expect(await own).toBe("also true");
  const last = hub.request(3);
  const lastJob = await owner.hear("job");
  owner.send(answer(jobId, "finished long ago"), answer(lastJob.jobId, "last"));
  expect(await last).toBe("last");
  await witness.undisturbed();
});

it("W21 an oversize result: RESULT_TOO_LARGE; one beyond the transport's limit costs the stream", async () => {
  const maxPayloadBytes = 10_000;
  const hub = await startHub({ maxPayloadBytes });
  const witness = await startWitness(hub);
  const worker = new RawWorker(hub.address);
  worker.send(hello(), ready);
  const tooLarge = expect(hub.request(1)).rejects.toMatchObject({
    code: "RESOURCE_EXHAUSTED",
    reason: "RESULT_TOO_LARGE",
    execution: "FINISHED",
    attempts: 1,
  });
  const first = await worker.hear("job");
  worker.send(answer(first.jobId, "x".repeat(maxPayloadBytes)), ready);
  await tooLarge;
  const lost = expect(hub.request(2)).rejects.toMatchObject(WORKER_LOST);
  const second = await worker.hear("job");
  worker.send(answer(second.jobId, "x".repeat(maxPayloadBytes + 256 * 1024)));
  await lost;
  expect(await worker.whyEnded()).toMatchObject({ code: "RESOURCE_EXHAUSTED", reason: "" });
  await startWorker(hub, (bytes: number) => "x".repeat(bytes), { maxPayloadBytes: 1_000_000 });
  const bySdk = hub.request(maxPayloadBytes + 256 * 1024);
  await expect(bySdk).rejects.toMatchObject({ reason: "RESULT_TOO_LARGE" });
  expect(await hub.request(3)).toBe("xxx");
  await witness.undisturbed();
});

it("W22 64 results of 100 KiB in one tick: all arrive, each at its own caller", async () => {
  const hub = await startHub();
  const witness = await startWitness(hub);
  const jobs = new HeldJobs();
  await startWorker(hub, jobs.handler, { slots: 64 });
  const client = startClient(hub);
  const inputs = Array.from({ length: 64 }, (_, x) => x);
  const answers = Promise.all(inputs.map((x) => client.requestWithInfo<string>(x)));
  const begun = [];
  while (begun.length < 64) begun.push(await jobs.next());
  const big = (x: unknown): string => `${x}:`.padEnd(100 * 1024, "x");
  for (const job of begun) job.answer(big(job.input));
  for (const [x, { output, attempts }] of (await answers).entries()) {
    expect(output === big(x) && attempts === 1, `the answer to ${x}`).toBe(true);
  }
  await witness.undisturbed();
});

it("W23 a large result on a slow link: announced, so its silence costs nothing", async () => {
  // Scaled down from 4 MiB at 64 kbit/s, with a liveness timeout of 10 s.
  const hub = await startHub({ heartbeatIntervalMs: 50, livenessTimeoutMs: 200 });
  const witness = await startWitness(hub);
  const proxy = await startProxy(hub);
  const jobs = new HeldJobs();
  await startWorker(proxy.address, jobs.handler, { slots: 2 });
  const request = startClient(hub).requestWithInfo<string>(1);
  const job = await jobs.next();
  const result = "x".repeat(512 * 1024);
  proxy.allow(64 * 1024, "toHub");
  job.answer(result);
  for (let round = 0; round < 4; round += 1) {
    await proxy.stuck("toHub");
    // The loss of a silent worker shows that a liveness timeout has passed.
    const silent = new RawWorker(hub.address);
    silent.send(hello());
    expect(await silent.whyEnded()).toMatchObject({ reason: "WORKER_SILENT" });
    proxy.allow(64 * 1024, "toHub");
  }
  proxy.allow(Number.POSITIVE_INFINITY, "toHub");
  const { output, attempts } = await request;
  expect([output === result, attempts]).toEqual([true, 1]);
  await witness.undisturbed();
});

it("W24 a malformed message: PROTOCOL_VIOLATION; what came before it counts, what ran is lost", async () => {
  const hub = await startHub();
  const witness = await startWitness(hub);
  const worker = new RawWorker(hub.address);
  worker.send(hello(), { case: "ready", value: { slots: 2 } });
  const answered = hub.request(1);
  const lost = expect(hub.request(2)).rejects.toMatchObject(WORKER_LOST);
  const { jobId } = await worker.hear("job");
  await worker.hear("job");
  worker.send(answer(jobId, "before"));
  worker.sendRaw(Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]));
  expect(await answered).toBe("before");
  await lost;
  expect(await worker.whyEnded()).toMatchObject(violation);
  await startWorker(hub, (x: number) => x + 1);
  expect(await hub.request(3)).toBe(4);
  await witness.undisturbed();
});

it("W25 an input that its worker cannot decode: MALFORMED for its caller alone", async () => {
  const hub = await startHub();
  const witness = await startWitness(hub);
  await startWorker(hub, (x: unknown) => x, { slots: 2 });
  const client = startClient(hub);
  const answers = Promise.all(["a", "b", "c"].map((x) => client.requestWithInfo(x)));
  // RequestRequest{value: {string_value: "\xff\xfe"}}, which is not valid UTF-8.
  const error = await callRaw(hub.address, Buffer.from([0x0a, 0x04, 0x1a, 0x02, 0xff, 0xfe]));
  expect(error).toMatchObject({
    code: "INVALID_ARGUMENT",
    reason: "MALFORMED",
    execution: "NOT_STARTED",
  });
  expect((await answers).map(({ output, attempts }) => [output, attempts])).toEqual([
    ["a", 1],
    ["b", 1],
    ["c", 1],
  ]);
  expect(await client.request("after")).toBe("after");
  await witness.undisturbed();
});
