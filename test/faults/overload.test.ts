import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { parseAddress } from "../../src/base/address.js";
import type { GibbsError } from "../../src/base/errors/error.js";
import { encodePayload } from "../../src/wire/payload/payload.js";
import { arrived } from "../support/arrived.js";
import { type HeldJob, HeldJobs } from "../support/held-jobs.js";
import { ManualClock } from "../support/manual-clock.js";
import { memoryOf } from "../support/process-memory.js";
import { encodeRequest } from "../support/raw-call.js";
import { connectHttp2, frame, paths, post } from "../support/raw-http2.js";
import { answer, hello, RawWorker, ready } from "../support/raw-worker.js";
import { hubProcess, startClient, startHub, startWorker } from "../support/running.js";
import { until } from "../support/until.js";
import { startWitness } from "../support/witness.js";

// More of everything than the hub accepts: the excess is refused, and nothing else suffers.

const KiB = 1024;
const refused = { code: "RESOURCE_EXHAUSTED", execution: "NOT_STARTED", attempts: 0 };

it("O1 ten times the capacity: full goodput, a bounded queue, hints for all the rest", async () => {
  const [slots, maxQueued, rounds] = [4, 20, 25];
  const hub = await startHub({ maxQueued });
  const witness = await startWitness(hub);
  const jobs = new HeldJobs();
  await startWorker(hub, jobs.handler, { slots });
  const client = startClient(hub);
  const answers: unknown[] = [];
  const refusals: GibbsError[] = [];
  let offered = 0;
  const offer = (x: number): void => {
    offered += 1;
    void client.request(x).then(
      (output) => answers.push(output),
      (error: GibbsError) => refusals.push(error),
    );
  };
  for (let round = 0; round < rounds; round += 1) {
    for (let count = 0; count < 10 * slots; count += 1) offer(offered);
    await arrived(client);
    // The hub's load is bounded, and everything beyond it was refused.
    await until(() => offered - answers.length - refusals.length <= slots + maxQueued);
    for (let count = 0; count < slots; count += 1) answerOwnInput(await jobs.next());
    await until(() => answers.length === (round + 1) * slots);
  }
  void answerAll(jobs);
  await until(() => answers.length + refusals.length === offered);
  expect(new Set(answers).size, "each ran once").toBe(jobs.begun);
  for (const error of refusals) {
    expect(error).toMatchObject({ ...refused, reason: "QUEUE_FULL" });
    expect(error.retryAfterMs).toBeGreaterThan(0);
  }
  expect(await client.requestWithInfo("after")).toMatchObject({ output: "after", attempts: 1 });
  await witness.undisturbed();
});

it("O2 a full queue: the newest is refused, and waiting requests keep their order", async () => {
  const hub = await startHub({ maxQueued: 3 });
  const witness = await startWitness(hub);
  const worker = new RawWorker(hub.address);
  worker.send(hello(), ready);
  const client = startClient(hub);
  const first = client.request("0");
  const served: string[] = [];
  let { jobId, requestId } = await worker.hear("job");
  const waiting = ["1", "2", "3"].map((id) => client.request(id, { requestId: id }));
  await arrived(client);
  const full = { ...refused, reason: "QUEUE_FULL", retryAfterMs: expect.any(Number) };
  for (const caller of [client, hub]) {
    await expect(caller.request("too much", { requestId: "4" })).rejects.toMatchObject(full);
  }
  worker.send(answer(jobId, "done"), ready);
  ({ jobId, requestId } = await worker.hear("job"));
  served.push(requestId);
  const room = hub.request("room again", { requestId: "5" });
  for (let count = 0; count < 3; count += 1) {
    worker.send(answer(jobId, "done"), ready);
    ({ jobId, requestId } = await worker.hear("job"));
    served.push(requestId);
  }
  worker.send(answer(jobId, "done"));
  expect(await Promise.all([first, ...waiting, room])).toEqual(Array(5).fill("done"));
  expect(served).toEqual(["1", "2", "3", "5"]);
  await witness.undisturbed();
});

it("O3 a thousand large requests at once: as many as fit are held, the rest is refused", async () => {
  // Scaled down from 4 MiB each, with a limit of 256 MiB.
  const [maxPayloadBytes, maxHeldBytes] = [256 * KiB, 64 * 256 * KiB];
  const input = new Uint8Array(maxPayloadBytes - 16);
  const bytes = encodePayload(input).length;
  const hub = await hubProcess({ maxPayloadBytes, maxHeldBytes });
  const witness = await startWitness(hub.address);
  // In MB: enough for these sessions to hold all the bytes that are not sent.
  const options = { maxSessionMemory: 1000 };
  const sessions = Array.from({ length: 10 }, () => connectHttp2(hub.address, options));
  const body = frame(encodeRequest(input));
  let refusals = 0;
  const calls = Array.from({ length: 100 }, () => sessions)
    .flat()
    .map(async (session) => {
      const { status } = await post(session, paths.request, body);
      if (status !== "OK") {
        const hint = { retryAfterMs: expect.any(Number) };
        expect(status).toMatchObject({ ...refused, reason: "HELD_BYTES_FULL", ...hint });
        refusals += 1;
      }
    });
  // Arriving requests count with their envelope, so the last one that would fit may be refused.
  const fitting = Math.floor(maxHeldBytes / bytes) - 1;
  await until(() => refusals >= calls.length - fitting - 1);
  // Generous: a Node process starts at about 100 MB.
  expect(memoryOf(hub)?.most ?? 0).toBeLessThan(calls.length * bytes);
  await witness.undisturbed();
  await startWorker(hub.address, (x: Uint8Array) => x.length, { slots: 8 });
  await Promise.all(calls);
  expect(calls.length - refusals, "all that fit are answered").toBeGreaterThanOrEqual(fitting);
  const again = Array.from({ length: fitting }, () => startClient(hub.address).request(input));
  expect(new Set(await Promise.all(again)), "nothing is held any more").toEqual(
    new Set([input.length]),
  );
  await witness.undisturbed();
});

it("O4 5,000 silent connections: others are served, they are closed, and no drain waits for them", async () => {
  const count = Math.min(5000, openFiles() - 200);
  if (count < 5000) console.warn(`O4 with ${count} connections: more files may not be open`);
  const hub = await hubProcess({ helloTimeoutMs: 60_000, drainTimeoutMs: 1 });
  const witness = await startWitness(hub.address);
  const silent = await connectSilently(hub.address, count);
  await witness.undisturbed();
  expect(silent.closed(), "all of them are open").toBe(0);
  hub.process.kill("SIGTERM");
  expect(await hub.ended).toMatchObject({ code: 0 });
  await until(() => silent.closed() === count);

  const clock = new ManualClock();
  const other = await startHub({ clock, helloTimeoutMs: 5000 });
  const others = await startWitness(other);
  const timers = clock.pending;
  const mute = await connectSilently(other.address, 10);
  // The hub keeps a timer for each accepted connection.
  await until(() => clock.pending >= timers + 10);
  await clock.advance(5000);
  await until(() => mute.closed() === 10);
  await others.undisturbed();
});

function answerOwnInput(job: HeldJob): void {
  job.answer(job.input);
}

/** Answers every job as soon as it begins, from now on. */
async function answerAll(jobs: HeldJobs): Promise<never> {
  for (;;) answerOwnInput(await jobs.next());
}

/** The number of files that this process may have open. */
function openFiles(): number {
  const { userLimits } = process.report.getReport() as unknown as {
    userLimits?: { open_files?: { soft: number | "unlimited" } };
  };
  const limit = Number(userLimits?.open_files?.soft);
  return Number.isNaN(limit) ? Number.POSITIVE_INFINITY : limit;
}

/** Opens TCP connections that stay silent. */
async function connectSilently(address: string, count: number): Promise<{ closed(): number }> {
  const sockets: Socket[] = [];
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  while (sockets.length < count) {
    // No more at once than the system queues until they are accepted.
    const some = Array.from({ length: Math.min(100, count - sockets.length) }, () =>
      connect(parseAddress(address))
        .on("error", () => {})
        .resume(),
    );
    sockets.push(...some);
    await Promise.all(some.map((socket) => once(socket, "connect")));
  }
  return { closed: () => sockets.filter(({ closed }) => closed).length };
}
