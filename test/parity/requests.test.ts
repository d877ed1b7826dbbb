import { expect, it } from "vitest";
import { begun, closedGate, type Gated, gated, serve } from "../support/gated.js";
import { ManualClock } from "../support/manual-clock.js";
import { gibbsHub, startClient, startHub } from "../support/running.js";

// The original passes any number of positional and keyword arguments; here a request has one input,
// so several become the fields of an object.
it("hub-worker-communication", async () => {
  const hub = await gibbsHub();
  const args = '[1, 2, {"third": 3, "fourth": 4}]';
  await serve(hub.address, "test/parity/fixtures/mapped.js", "--args", args);
  const input = { first: 4, second: 3, third: 2.5, fourth: 5 };
  const answer = await startClient(hub.address).request(input);
  expect(answer).toEqual({ first: 4, second: 6, third: 7.5, fourth: 20 });
});

// The original's test measures that two requests at once take less time than one after the other.
// Here neither can end before both have begun.
it("parallel-workers", async () => {
  const hub = await gibbsHub();
  const one = await serve(hub.address, gated);
  const two = await serve(hub.address, gated);
  const client = startClient(hub.address);
  const gate = closedGate();
  const answers = Promise.all([3, 4].map((x) => client.request<Gated>({ x, gate: gate.path })));
  const pids = await Promise.all([begun(one), begun(two)]);
  gate.open();
  expect((await answers).map(({ x }) => x)).toEqual([3, 4]);
  expect((await answers).map(({ pid }) => pid).sort()).toEqual(pids.sort());
});

// As in the original, two workers get two each of four requests made at once. Here the same holds
// for requests made one after another, all of which the original gives to one worker.
it("jobs-spread-over-all-workers", async () => {
  const hub = await startHub();
  const one = await serve(hub.address, gated);
  const two = await serve(hub.address, gated);
  const [first, second] = [closedGate(), closedGate()];
  const gates = [first, first, second, second];
  const atOnce = Promise.all(gates.map(({ path }, x) => hub.request<Gated>({ x, gate: path })));
  const pids = await Promise.all([begun(one), begun(two)]);
  first.open();
  // Neither may end before the other has begun, or a faster worker could take both.
  await Promise.all([2, 3].map((x) => Promise.race([begun(one, `${x}`), begun(two, `${x}`)])));
  second.open();
  const answers = await atOnce;
  for (const x of [4, 5, 6, 7]) answers.push(await hub.request<Gated>({ x }));
  const shareOf = (pid: number, of: Gated[]) => of.filter((one) => one.pid === pid).length;
  for (const pid of pids) {
    expect(shareOf(pid, answers.slice(0, 4))).toBe(2);
    expect(shareOf(pid, answers.slice(4))).toBe(2);
  }
});

// The original keeps 4,096 requests; with one more it forgets the oldest, whose caller gets a
// KeyError or no answer at all. Here every request is answered, and runs once.
it("more-callers-than-workers", async () => {
  const hub = await startHub();
  await serve(hub.address, "test/fixtures/counting.js", "--count", "3");
  const inputs = Array.from({ length: 5000 }, (_, x) => x);
  // An embedded hub accepts each request during the call, so all are queued before the first is
  // answered.
  const answers = await Promise.all(
    inputs.map((x) => hub.request<{ x: number; pid: number; runs: number }>(x)),
  );
  expect(answers.map(({ x }) => x)).toEqual(inputs);
  expect(answers.filter(({ runs }) => runs !== 1)).toEqual([]);
  expect(new Set(answers.map(({ pid }) => pid)).size).toBe(3);
});

// In the original, a late answer is dropped or stays in its buffer forever. Here the job has ended
// for the hub, too: not even a request with the same id can receive its answer.
it("late-answer-of-a-forgotten-request", async () => {
  const hub = await startHub();
  const worker = await serve(hub.address, gated, "--kill-grace", "10m");
  const gate = closedGate();
  const caller = new AbortController();
  const options = { requestId: "the same" };
  const forgotten = expect(
    hub.request({ x: 1, gate: gate.path }, { ...options, signal: caller.signal }),
  ).rejects.toMatchObject({ code: "CANCELLED", reason: "CLIENT_CANCELLED" });
  const pid = await begun(worker, "1");
  caller.abort();
  await forgotten;
  const next = hub.request({ x: 2 }, options);
  gate.open();
  expect(await next).toEqual({ x: 2, pid });
  await worker.line(/^ended 2/);
  const jobs = worker.lines.filter((line) => /^(begun|ended)/.test(line));
  expect(jobs).toEqual([`begun 1 ${pid}`, "ended 1", `begun 2 ${pid}`, "ended 2"]);
});

// In the original, a request without a timeout waits forever, and one with a timeout fails with
// TimeoutError. Here the status also says whether a worker had received it.
it("timeout", async () => {
  const empty = await gibbsHub();
  const client = startClient(empty.address);
  // From here on there is a connection, so the request is not waiting for the hub.
  await expect(client.request(1, { queueTimeoutMs: 1 })).rejects.toMatchObject({
    reason: "QUEUE_TIMEOUT",
  });
  await expect(client.request(2, { timeoutMs: 100 })).rejects.toMatchObject({
    code: "DEADLINE_EXCEEDED",
  });

  const clock = new ManualClock();
  const hub = await startHub({ clock, livenessTimeoutMs: 60_000 });
  const waiting = expect(hub.request({ x: 3 }, { timeoutMs: 20_000 })).rejects.toMatchObject({
    code: "DEADLINE_EXCEEDED",
    reason: "DEADLINE_QUEUED",
    execution: "NOT_STARTED",
  });
  await clock.advance(20_000);
  await waiting;
  const worker = await serve(hub.address, gated, "--kill-grace", "10m");
  const gate = closedGate();
  const running = expect(
    hub.request({ x: 4, gate: gate.path }, { timeoutMs: 20_000 }),
  ).rejects.toMatchObject({
    code: "DEADLINE_EXCEEDED",
    reason: "DEADLINE_RUNNING",
    execution: "UNKNOWN",
  });
  const pid = await begun(worker, "4");
  await clock.advance(20_000);
  await running;
  gate.open();
  expect(await hub.request({ x: 5 }), "the worker goes on").toEqual({ x: 5, pid });
});
