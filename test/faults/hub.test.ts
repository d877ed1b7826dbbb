import { fromBinary } from "@bufbuild/protobuf";
import { credentials, Metadata, makeGenericClientConstructor } from "@grpc/grpc-js";
import { expect, it, onTestFinished, vi } from "vitest";
import { definition, HubService, RequestRequestSchema } from "../../src/wire/index.js";
import { documentedServiceConfig } from "../support/documented-service-config.js";
import { begun, closedGate, type Gated, gated, serve } from "../support/gated.js";
import { HeldJobs } from "../support/held-jobs.js";
import { CONNECTION_LOST } from "../support/outcomes.js";
import { callRaw, encodeRequest } from "../support/raw-call.js";
import { hello, RawWorker } from "../support/raw-worker.js";
import {
  gibbs,
  gibbsHub,
  hubProcess,
  startClient,
  startHub,
  startWorker,
} from "../support/running.js";
import { until } from "../support/until.js";
import { startWitness } from "../support/witness.js";

/** A client generated from the .proto, which does what docs/reliability.md recommends. */
function generatedClient(address: string): (x: number) => Promise<unknown> {
  const Stub = makeGenericClientConstructor(definition(HubService), HubService.typeName);
  const options = { "grpc.service_config": documentedServiceConfig() };
  const stub = new Stub(address, credentials.createInsecure(), options);
  onTestFinished(() => stub.close());
  const metadata = new Metadata({ waitForReady: true });
  return (x) =>
    new Promise((resolve, reject) => {
      const request = fromBinary(RequestRequestSchema, encodeRequest({ x }));
      stub["request"]?.(request, metadata, (error: Error | null, answer: unknown) =>
        error === null ? resolve(answer) : reject(error),
      );
    });
}

// Hubs that die, are stopped or suspended, find their port taken, or see the clock change.

const hour = 3_600_000;

it("H1 kill -9 of the hub, and a restart: callers learn that the outcome is unknown, everyone comes back", async () => {
  const hub = await gibbsHub();
  const agent = await serve(hub.address, gated);
  const client = startClient(hub.address);
  const gate = closedGate();
  const lost = (x: number) =>
    expect(client.request({ x, gate: gate.path })).rejects.toMatchObject(CONNECTION_LOST);
  const running = lost(1);
  await begun(agent, "1");
  const waiting = lost(2);
  await expect(
    client.request(0, { method: "none", queueTimeoutMs: 0 }),
    "what waits has arrived before",
  ).rejects.toMatchObject({ reason: "QUEUE_TIMEOUT" });
  hub.process.kill("SIGKILL");
  await Promise.all([running, waiting]);
  gate.open();
  await gibbsHub(hub.address);
  const answer = await client.requestWithInfo<Gated>({ x: 3 });
  expect(answer).toMatchObject({ output: { x: 3, pid: await begun(agent, "3") }, attempts: 1 });
  expect(
    agent.lines.filter((line) => line.startsWith("begun 2")),
    "never started",
  ).toEqual([]);
});

it("H2 SIGTERM under load: running requests are answered, waiting and new ones are DRAINING", async () => {
  const hub = await gibbsHub();
  const agent = await serve(hub.address, gated, "--count", "2");
  const client = startClient(hub.address);
  const gate = closedGate();
  const running = Promise.all(
    [1, 2].map((x) => client.requestWithInfo<Gated>({ x, gate: gate.path })),
  );
  const pids = [await begun(agent, "1"), await begun(agent, "2")];
  const draining = { code: "UNAVAILABLE", reason: "DRAINING", execution: "NOT_STARTED" };
  const waiting = [3, 4, 5].map((x) => callRaw(hub.address, encodeRequest({ x })));
  hub.process.kill("SIGTERM");
  await hub.says(/finishing running requests/);
  const coming = [6, 7, 8].map((x) => callRaw(hub.address, encodeRequest({ x })));
  for (const refused of await Promise.all([...waiting, ...coming])) {
    expect(refused).toMatchObject({ ...draining, retryAfterMs: expect.any(Number) });
  }
  gate.open();
  const answers = await running;
  expect(answers).toMatchObject([
    { output: { x: 1, pid: pids[0] }, attempts: 1 },
    { output: { x: 2, pid: pids[1] }, attempts: 1 },
  ]);
  expect(await hub.ended).toMatchObject({ code: 0, signal: null });
  await gibbsHub(hub.address);
  const next = await client.request<Gated>({ x: 9 });
  expect(pids, "by the same processes").toContain(next.pid);
  expect(agent.lines.filter((line) => /^begun [3-8] /.test(line))).toEqual([]);
});

it("H3 a stall of the hub longer than its patience: no worker and no job is lost", async () => {
  // Scaled down from a stall of 8 s or more, with a liveness timeout of 10 s.
  const hub = await hubProcess({ heartbeatIntervalMs: 200, livenessTimeoutMs: 1000 });
  const witness = await startWitness(hub.address);
  const agent = await serve(hub.address, gated, "--count", "2");
  const client = startClient(hub.address);
  const gate = closedGate();
  const running = Promise.all(
    [1, 2].map((x) => client.requestWithInfo<Gated>({ x, gate: gate.path })),
  );
  await Promise.all([begun(agent, "1"), begun(agent, "2")]);
  hub.process.kill("SIGSTOP");
  onTestFinished(() => void hub.process.kill("SIGCONT"));
  const meanwhile = client.requestWithInfo<Gated>({ x: 3 });
  // Another hub serves as the yardstick: it loses a silent worker after 1.5 s.
  const other = await startHub({ livenessTimeoutMs: 1500 });
  const silent = new RawWorker(other.address);
  silent.send(hello());
  expect(await silent.whyEnded()).toMatchObject({ reason: "WORKER_SILENT" });
  hub.process.kill("SIGCONT");
  gate.open();
  const attempts = (await running).map((answer) => answer.attempts);
  expect([...attempts, (await meanwhile).attempts]).toEqual([1, 1, 1]);
  await witness.undisturbed();
  const connected = hub.lines.filter((line) => line === "worker connected");
  expect(connected, "the witness and the agent, once").toHaveLength(2);
  expect(hub.lines.filter((line) => /dropped|lost|left/.test(line))).toEqual([]);
});

it("H4 a port in use: a clear error and exit code 1, and the port's owner is unaffected", async () => {
  const hub = await gibbsHub();
  const witness = await startWitness(hub.address);
  const second = await gibbs(["hub", "--listen", hub.address]).ended;
  expect(second).toMatchObject({ code: 1, stdout: "" });
  expect(second.stderr).toContain(
    `${hub.address} is in use: stop what listens there, or choose another address`,
  );
  await witness.undisturbed();
});

it("H5 the wall clock stepped by an hour, both ways: nothing is lost, and limits hold", async () => {
  const hub = await startHub({ heartbeatIntervalMs: 50, livenessTimeoutMs: 200 });
  const witness = await startWitness(hub);
  const jobs = new HeldJobs();
  await startWorker(hub, jobs.handler, { slots: 2 });
  const client = startClient(hub);
  const answers = [1, 2, 3].map((x) => client.requestWithInfo(x, { timeoutMs: 60_000 }));
  const running = [await jobs.next(), await jobs.next()];
  onTestFinished(() => void vi.useRealTimers());
  for (const stepMs of [hour, -2 * hour]) {
    // From here on the wall clock is an hour off and stands still. Everything else keeps running.
    vi.setSystemTime(Date.now() + stepMs);
    const silent = new RawWorker(hub.address);
    silent.send(hello({ methods: [{ name: "silent" }] }));
    expect(await silent.whyEnded(), "time goes on").toMatchObject({ reason: "WORKER_SILENT" });
    const over = { code: "DEADLINE_EXCEEDED" };
    const overInQueue = { ...over, reason: "DEADLINE_QUEUED", execution: "NOT_STARTED" };
    await expect(hub.request(0, { timeoutMs: 100 })).rejects.toMatchObject(overInQueue);
    // For a call over the wire, grpc-js may report the deadline first, without a reason.
    await expect(client.request(0, { timeoutMs: 100 })).rejects.toMatchObject(over);
    await witness.undisturbed();
  }
  for (const job of running) job.answer(job.input);
  const last = await jobs.next();
  last.answer(last.input);
  for (const [index, answer] of (await Promise.all(answers)).entries()) {
    expect(answer).toMatchObject({ output: index + 1, attempts: 1 });
  }
});

it("H6 graceful restarts under load, one after another: every call is answered", async () => {
  let hub = await gibbsHub();
  const { address } = hub;
  await serve(address, gated, "--count", "4");
  const multiplex = startClient(address);
  const unary = startClient(address, { transport: "unary" });
  const callers = {
    multiplex: (x: number) => multiplex.request({ x }),
    unary: (x: number) => unary.request({ x }),
    generated: generatedClient(address),
  };
  const answered = { multiplex: 0, unary: 0, generated: 0 };
  let isOver = false;
  const loops = Object.entries(callers).flatMap(([name, call]) =>
    Array.from({ length: 4 }, async () => {
      while (!isOver) {
        await call(1);
        answered[name as keyof typeof answered] += 1;
      }
    }),
  );
  const load = Promise.all(loops);
  const busy = async (): Promise<void> => {
    const before = { ...answered };
    const names = Object.keys(answered) as (keyof typeof answered)[];
    const everyone = until(() => names.every((name) => answered[name] > before[name] + 4));
    // Ends the test at once if a call fails.
    await Promise.race([everyone, load]);
  };
  for (let restart = 0; restart < 5; restart += 1) {
    await busy();
    hub.process.kill("SIGTERM");
    expect(await hub.ended).toMatchObject({ code: 0, signal: null });
    hub = await gibbsHub(address);
  }
  await busy();
  isOver = true;
  await load;
});
