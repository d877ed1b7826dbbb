import { expect, it } from "vitest";
import { begun, closedGate, type Gated, gated, serve } from "../support/gated.js";
import { ManualClock } from "../support/manual-clock.js";
import { gibbsHub, startClient, startHub } from "../support/running.js";

// The original trusts a dead worker until a heartbeat is missing. Here the broken stream reveals
// the death at once; its job is lost, since it was not marked idempotent.
it("dead-worker-skipped", async () => {
  const hub = await gibbsHub();
  // One of its two processes stays idle. The other shows by beginning a job that the hub knows this
  // worker.
  const dying = await serve(hub.address, gated, "--count", "2");
  const living = await serve(hub.address, gated);
  const client = startClient(hub.address);
  const gate = closedGate();
  const ask = (x: number) => client.request<Gated>({ x, gate: gate.path });
  const both = Promise.allSettled([ask(1), ask(2)]);
  const [, pid] = await Promise.all([begun(dying), begun(living)]);
  dying.process.kill("SIGKILL");
  await dying.ended;
  gate.open();
  const settled = await both;
  const kept = settled.flatMap((one) => (one.status === "fulfilled" ? [one.value.pid] : []));
  const lost = settled.flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
  expect(kept).toEqual([pid]);
  expect(lost).toMatchObject([{ code: "ABORTED", reason: "WORKER_LOST", execution: "UNKNOWN" }]);
  const answers = await Promise.all([3, 4, 5, 6].map(ask));
  expect(answers).toEqual([3, 4, 5, 6].map((x) => ({ x, pid })));
});

// The original waits until somebody starts a worker again. So does gibbs, but the command that
// started a process replaces it when it dies.
it("killed-worker-restarted", async () => {
  const hub = await gibbsHub();
  const client = startClient(hub.address);
  const first = await serve(hub.address, gated);
  const gate = closedGate();
  const lose = (x: number) =>
    expect(client.request({ x, gate: gate.path })).rejects.toMatchObject({ reason: "WORKER_LOST" });

  const withoutProcess = lose(1);
  const killed = await begun(first, "1");
  process.kill(killed, "SIGKILL");
  await withoutProcess;
  const withoutCommand = lose(2);
  const replacement = await begun(first, "2");
  expect(replacement).not.toBe(killed);

  first.process.kill("SIGKILL");
  await withoutCommand;
  const waiting = client.request({ x: 3 });
  const second = await serve(hub.address, gated);
  expect(await waiting).toEqual({ x: 3, pid: await begun(second, "3") });
});

// The original resends a request after its timeout, whether or not it ran. Here the loss itself
// triggers another attempt, and only if the caller allows it.
it("killed-worker-retried-elsewhere", async () => {
  const hub = await gibbsHub();
  const dying = await serve(hub.address, gated, "--worker-id", "dying");
  const living = await serve(hub.address, gated, "--worker-id", "living");
  const client = startClient(hub.address);
  const gate = closedGate();
  const ask = (x: number) =>
    client.requestWithInfo<Gated>({ x, gate: gate.path }, { idempotent: true });
  const both = Promise.all([ask(1), ask(2)]);
  await Promise.all([begun(dying), begun(living)]);
  dying.process.kill("SIGKILL");
  await dying.ended;
  gate.open();
  const answers = await both;
  expect(answers.map(({ output }) => output.x)).toEqual([1, 2]);
  expect(answers.map(({ workerId }) => workerId)).toEqual(["living", "living"]);
  expect(answers.map(({ attempts }) => attempts).sort()).toEqual([1, 2]);
});

// The original starts its timeout again, forever. Here a single request simply waits for as long as
// the hub's operator and the caller's deadline allow, which by default is not forever.
it("endless-retry-until-a-worker-comes", async () => {
  const clock = new ManualClock();
  const day = 24 * 3_600_000;
  const impatient = await startHub({ clock });
  const patient = await startHub({ clock, noWorkerTimeoutMs: day });
  const outcomes: unknown[] = [];
  const waiting = patient
    .request({ x: 3 }, { timeoutMs: day })
    .finally(() => outcomes.push("settled"));
  const refused = expect(impatient.request({ x: 3 }, { timeoutMs: day })).rejects.toMatchObject({
    code: "UNAVAILABLE",
    reason: "NO_WORKER",
    execution: "NOT_STARTED",
  });
  await clock.advance(30_000);
  await refused;
  await clock.advance(day - 60_000);
  expect(outcomes, "it still waits").toEqual([]);
  await serve(patient.address, gated);
  expect(await waiting).toMatchObject({ x: 3 });
});

// As in the original, after a signal a worker finishes and answers its job, and accepts no other.
it("sigterm-finishes-the-job", async () => {
  const hub = await gibbsHub();
  const client = startClient(hub.address);
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const leaving = await serve(hub.address, gated);
    const gate = closedGate();
    const running = client.request({ x: 1, gate: gate.path });
    const pid = await begun(leaving, "1");
    leaving.process.kill(signal);
    await leaving.says(/finishing running requests/);
    const next = client.request({ x: 2 });
    gate.open();
    expect(await running).toEqual({ x: 1, pid });
    expect(await leaving.ended).toMatchObject({ code: 0, signal: null });
    expect(leaving.lines.slice(1)).toEqual([`begun 1 ${pid}`, "ended 1"]);
    const staying = await serve(hub.address, gated);
    expect(await next).toEqual({ x: 2, pid: await begun(staying, "2") });
    staying.process.kill("SIGTERM");
    await staying.ended;
  }
});
