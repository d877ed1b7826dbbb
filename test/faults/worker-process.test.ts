import { startWorkers } from "gibbs/worker";
import { expect, it, onTestFinished } from "vitest";
import { begun, closedGate, type Gated, gated, serve } from "../support/gated.js";
import { Log } from "../support/log.js";
import { WORKER_LOST } from "../support/outcomes.js";
import { answer, hello, RawWorker, ready } from "../support/raw-worker.js";
import { startClient, startHub } from "../support/running.js";
import { startWitness } from "../support/witness.js";

// Worker processes that really die, stop or hang: killed, stopped and continued by signals.

const faulty = "test/fixtures/faulty.js";
const pid = { act: "pid" };

/** Returns the id of the process that runs a hanging job of the faulty model. */
async function hanging(agent: Awaited<ReturnType<typeof serve>>): Promise<number> {
  return Number((await agent.line(/^hanging /)).split(" ")[1]);
}

it("W1 kill -9 of an idle worker: it is forgotten, and the next request waits for another", async () => {
  const logger = new Log();
  const hub = await startHub({ logger, maxWorkers: 2 });
  const witness = await startWitness(hub);
  const victim = await serve(hub.address, faulty);
  victim.process.kill("SIGKILL");
  await logger.heard(/worker lost/);
  const waiting = startClient(hub).requestWithInfo(pid);
  // There is room for this one: the hub accepts two workers, and the dead one no longer counts.
  const next = await serve(hub.address, faulty, "--worker-id", "next");
  expect(await waiting).toMatchObject({ workerId: "next", attempts: 1 });
  expect(next.process.exitCode).toBeNull();
  await witness.undisturbed();
});

it("W2 kill -9 mid-job, not idempotent: ABORTED, and it does not run again", async () => {
  const hub = await startHub();
  const witness = await startWitness(hub);
  const victim = await serve(hub.address, faulty, "--worker-id", "victim");
  const failed = expect(startClient(hub).request({ act: "hang" })).rejects.toMatchObject({
    ...WORKER_LOST,
  });
  await hanging(victim);
  const other = await serve(hub.address, faulty, "--worker-id", "other");
  victim.process.kill("SIGKILL");
  await failed;
  expect(await startClient(hub).requestWithInfo(pid)).toMatchObject({ workerId: "other" });
  const begunThere = other.lines.filter((line) => line.startsWith("hanging"));
  expect(begunThere, "it ran once").toEqual([]);
  await witness.undisturbed();
});

it("W3 kill -9 mid-job, idempotent: another worker answers, with two attempts", async () => {
  const hub = await startHub();
  const witness = await startWitness(hub);
  const victim = await serve(hub.address, faulty, "--worker-id", "victim");
  const request = startClient(hub).requestWithInfo({ act: "hang" }, { idempotent: true });
  const killed = await hanging(victim);
  await serve(hub.address, faulty, "--worker-id", "other");
  victim.process.kill("SIGKILL");
  const { output, workerId, attempts } = await request;
  expect({ workerId, attempts }).toEqual({ workerId: "other", attempts: 2 });
  expect(output).not.toBe(killed);
  await witness.undisturbed();
});

it("W4 SIGSTOP mid-job, SIGCONT with a late result: it is lost, and its result is dropped", async () => {
  const logger = new Log();
  const hub = await startHub({ logger, heartbeatIntervalMs: 100, livenessTimeoutMs: 1000 });
  const witness = await startWitness(hub);
  const agent = await serve(hub.address, gated, "--worker-id", "agent");
  const client = startClient(hub);
  const gate = closedGate();
  const failed = expect(client.request({ x: 1, gate: gate.path })).rejects.toMatchObject({
    ...WORKER_LOST,
    message: expect.stringContaining("silent for 1000 ms"),
  });
  await begun(agent, "1");
  agent.process.kill("SIGSTOP");
  onTestFinished(() => void agent.process.kill("SIGCONT"));
  gate.open();
  // The agent's child is not stopped, so the result is the first thing that the agent will read.
  await agent.line(/^ended 1/);
  await failed;
  agent.process.kill("SIGCONT");
  const next = await client.requestWithInfo<Gated>({ x: 2 });
  expect(next).toMatchObject({ output: { x: 2 }, workerId: "agent", attempts: 1 });
  expect(logger.count(/worker dropped: the worker was silent/)).toBe(1);
  await witness.undisturbed();
});

it("W5 kill -9 of a child of an agent: its job is lost, its siblings and the stream are not", async () => {
  const logger = new Log();
  const hub = await startHub({ logger });
  const witness = await startWitness(hub);
  const agent = await serve(hub.address, gated, "--count", "2");
  const client = startClient(hub);
  const gate = closedGate();
  const failed = expect(client.request({ x: 1, gate: gate.path })).rejects.toMatchObject({
    ...WORKER_LOST,
    message: expect.stringContaining("was killed by SIGKILL"),
  });
  const victim = await begun(agent, "1");
  const sibling = client.request<Gated>({ x: 2, gate: gate.path });
  const survivor = await begun(agent, "2");
  process.kill(victim, "SIGKILL");
  await failed;
  const replaced = client.request<Gated>({ x: 3, gate: gate.path });
  expect([victim, survivor]).not.toContain(await begun(agent, "3"));
  gate.open();
  expect(await sibling).toEqual({ x: 2, pid: survivor });
  expect(await replaced).toMatchObject({ x: 3 });
  expect(logger.count(/worker (lost|dropped|left)/)).toBe(0);
  await witness.undisturbed();
});

it("W7 a job that kills every worker it meets: abandoned after its attempts", async () => {
  const logger = new Log();
  const hub = await startHub({ logger });
  const witness = await startWitness(hub);
  await Promise.all(
    ["a", "b", "c", "d"].map((id) => serve(hub.address, faulty, "--worker-id", id)),
  );
  const client = startClient(hub);
  const poison = client.request({ act: "murder" }, { idempotent: true });
  await expect(poison).rejects.toMatchObject({
    code: "ABORTED",
    reason: "ATTEMPTS_EXHAUSTED",
    execution: "UNKNOWN",
    attempts: 3,
  });
  await logger.heard(/worker lost/, 3);
  expect(await client.request(pid), "the fourth lives").toEqual(expect.any(Number));
  expect(logger.count(/worker lost/)).toBe(3);
  await witness.undisturbed();
});

it("W8 a handler that never returns: RUN_TIMEOUT, and its process is replaced", async () => {
  const hub = await startHub({ cancelGraceMs: 200 });
  const witness = await startWitness(hub);
  const workers = await startWorkers(faulty, { hub: hub.address, killGraceMs: 50 });
  onTestFinished(() => workers.close());
  const [stuck] = workers.pids;
  const client = startClient(hub);
  const timedOut = { code: "DEADLINE_EXCEEDED", reason: "RUN_TIMEOUT", execution: "UNKNOWN" };
  const hang = client.request({ act: "hang" }, { runTimeoutMs: 50, idempotent: true });
  await expect(hang).rejects.toMatchObject({ ...timedOut, attempts: 1 });
  expect(await client.request(pid)).not.toBe(stuck);

  const deaf = new RawWorker(hub.address);
  deaf.send(hello({ methods: [{ name: "deaf" }] }), { case: "ready", value: { slots: 2 } });
  const neighbour = client.request(1, { method: "deaf" });
  const lost = expect(neighbour).rejects.toMatchObject(WORKER_LOST);
  await deaf.hear("job");
  const options = { method: "deaf", runTimeoutMs: 50 };
  await expect(client.request(2, options)).rejects.toMatchObject(timedOut);
  expect(await deaf.whyEnded()).toMatchObject({ code: "ABORTED", reason: "CANCEL_IGNORED" });
  await lost;
  const heedful = new RawWorker(hub.address);
  heedful.send(hello({ methods: [{ name: "deaf" }] }), ready);
  const served = client.request(3, { method: "deaf" });
  const { jobId } = await heedful.hear("job");
  heedful.send(answer(jobId, "served"));
  expect(await served).toBe("served");
  await witness.undisturbed();
});
