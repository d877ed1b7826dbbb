import { describe, expect, it } from "vitest";
import { failure, Harness } from "./harness.js";
import { IdleOrder } from "./invariants.js";

describe("matching", () => {
  it("writes a job only against credit, and one job per slot", () => {
    const h = new Harness();
    const worker = h.worker(2);
    const [a, b, c] = [h.submit(), h.submit(), h.submit()];
    h.flush();
    expect([a, b, c].map((request) => h.holder(request))).toEqual([worker, worker, undefined]);
    h.answer(a);
    h.flush();
    expect(h.holder(c), "an answer alone returns no slot").toBeUndefined();
    h.core.ready(worker, 1, h.now);
    h.flush();
    expect(h.holder(c)).toBe(worker);
  });

  it("serves first come, first served", () => {
    const h = new Harness();
    const requests = [h.submit(), h.submit(), h.submit()];
    const worker = h.worker(1);
    const order = requests.map(() => {
      h.flush();
      const running = requests.findIndex((request) => h.holder(request) === worker);
      h.answer(requests[running] as (typeof requests)[0]);
      h.core.ready(worker, 1, h.now);
      return running;
    });
    expect(order).toEqual([0, 1, 2]);
  });

  it("gives each request to the worker idle longest", () => {
    const h = new Harness();
    const workers = [h.worker(), h.worker(), h.worker()];
    const served = workers.map(() => {
      const request = h.submit();
      h.flush();
      const worker = h.holder(request);
      h.answer(request);
      if (worker) h.core.ready(worker, 1, h.now);
      return worker;
    });
    expect(served).toEqual(workers);
  });

  it("spreads jobs over workers before it fills the slots of one", () => {
    const h = new Harness();
    const workers = [h.worker(4), h.worker(4)];
    const requests = [h.submit(), h.submit()];
    h.flush();
    expect(requests.map((request) => h.holder(request))).toEqual(workers);
  });

  it("gives a worker with several methods the oldest request it serves", () => {
    const h = new Harness();
    const b = h.submit({ method: "b" });
    const a = h.submit({ method: "a" });
    const methods = new Map(["a", "b"].map((name) => [name, { idempotent: false }]));
    const worker = h.worker(1, { methods });
    h.flush();
    expect([h.holder(a), h.holder(b)]).toEqual([undefined, worker]);
  });

  it("fails a request that no worker can receive, or can any longer", () => {
    const h = new Harness();
    h.worker(1, { maxReceiveBytes: 20 });
    const large = { payload: new Uint8Array(100) };
    const now = h.submit(large);
    const able = h.worker(0);
    const later = h.submit(large);
    h.flush();
    expect([h.ending(now), h.ending(later)]).toEqual([
      "INVALID_ARGUMENT PAYLOAD_TOO_LARGE NOT_STARTED",
      "OPEN",
    ]);
    h.core.lost(able, h.now);
    h.flush();
    expect(h.ending(later)).toBe("INVALID_ARGUMENT PAYLOAD_TOO_LARGE NOT_STARTED");
  });

  it("skips a request that a worker cannot receive", () => {
    const h = new Harness();
    const small = h.worker(1, { maxReceiveBytes: 20 });
    h.worker(0);
    const large = h.submit({ payload: new Uint8Array(100) });
    const fitting = h.submit();
    h.flush();
    expect([h.holder(large), h.holder(fitting)]).toEqual([undefined, small]);
  });

  it("prefers a worker whose socket is not full", () => {
    const h = new Harness();
    const [full, free] = [h.worker(), h.worker()];
    full.congested = true;
    const [first, second] = [h.submit(), h.submit()];
    h.flush();
    expect([h.holder(first), h.holder(second)]).toEqual([free, full]);
  });
});

describe("the slot ledger", () => {
  it("clamps credit to the session's slots and counts the excess", () => {
    const h = new Harness();
    const worker = h.worker(1_000_000_000);
    expect([worker.credit, h.core.dropped.slots]).toEqual([8, 1_000_000_000 - 8]);
  });

  it("accepts a terminal event once, and only from the session that holds the job", () => {
    const h = new Harness();
    const [holder, other] = [h.worker(), h.worker(0)];
    const request = h.submit();
    h.flush();
    h.core.result(other, 1, { kind: "answer", payload: new Uint8Array() }, h.now);
    expect(h.holder(request)).toBe(holder);
    h.answer(request);
    h.core.result(holder, 1, { kind: "failure", failure }, h.now);
    h.flush();
    expect(h.ending(request)).toBe("ANSWER");
    expect(h.core.dropped.terminalEvents).toBe(2);
  });

  it("keeps the slot of a cancelled job until its terminal event", () => {
    const h = new Harness();
    const worker = h.worker();
    const request = h.submit();
    h.flush();
    h.core.cancel(request.seq, h.now);
    const kinds = h.flush().map(({ kind }) => kind);
    expect(kinds).toEqual(["settle", "cancel"]);
    expect(h.ending(request)).toBe("CANCELLED CLIENT_CANCELLED UNKNOWN");
    expect(worker.inFlight.size).toBe(1);
    h.core.result(worker, 1, { kind: "failure", failure }, h.now);
    expect(worker.inFlight.size).toBe(0);
  });

  it("drops a worker that never ends a cancelled job", () => {
    const h = new Harness();
    const worker = h.worker();
    const request = h.submit();
    h.flush();
    h.core.cancel(request.seq, h.now);
    for (let beat = 0; beat < 31; beat += 1) {
      h.core.heard(worker, h.now);
      h.advance(1000);
    }
    expect(worker.state).toBe("ended");
    expect(h.effects.at(-1)).toMatchObject({ kind: "end", error: { reason: "CANCEL_IGNORED" } });
  });

  it("loses a superseded session's jobs before it welcomes the new one", () => {
    const h = new Harness();
    const first = h.worker(1, { instanceId: "i" });
    const request = h.submit();
    h.flush();
    h.worker(1, { instanceId: "i" });
    const kinds = h.flush().map(({ kind }) => kind);
    expect(kinds).toEqual(["settle", "end", "welcome"]);
    expect(h.ending(request)).toBe("ABORTED WORKER_LOST UNKNOWN");
    expect(first.state).toBe("ended");
  });
});

describe("outcomes", () => {
  it("reports where and how long a request waited and ran", () => {
    const h = new Harness();
    const request = h.submit();
    h.advance(30);
    h.worker();
    h.flush();
    h.advance(20);
    h.answer(request);
    h.flush();
    expect(h.outcome(request)).toMatchObject({
      kind: "answer",
      info: { workerId: "w1", attempts: 1, queueTimeMs: 30, runTimeMs: 20 },
    });
  });

  it("reports it for a failed request too", () => {
    const h = new Harness();
    const request = h.submit({ timeoutMs: 100 });
    h.advance(30);
    h.worker();
    h.advance(70);
    expect(h.outcome(request)).toMatchObject({
      kind: "failure",
      error: { workerId: "w1", attempts: 1, queueTimeMs: 30, runTimeMs: 70 },
    });
  });

  it("adds jitter to its retry hints", () => {
    const hints = [0, 0.999].map((chance) => {
      const h = new Harness({ maxQueued: 0 }, () => chance);
      const request = h.submit();
      h.flush();
      const outcome = h.outcome(request);
      return outcome?.kind === "failure" ? outcome.error.retryAfterMs : undefined;
    });
    expect(hints).toEqual([250, 750]);
  });

  it("distinguishes a handler's error from a declared status", () => {
    const h = new Harness();
    const worker = h.worker(2);
    const [plain, declared] = [h.submit(), h.submit()];
    h.flush();
    h.core.result(worker, 1, { kind: "failure", failure }, h.now);
    h.core.result(
      worker,
      2,
      { kind: "failure", failure: { ...failure, code: "NOT_FOUND" } },
      h.now,
    );
    h.flush();
    expect(h.ending(plain)).toBe("UNKNOWN HANDLER_ERROR FINISHED");
    expect(h.ending(declared)).toBe("NOT_FOUND DECLARED FINISHED");
  });

  it("blames the caller for input that cannot be decoded, and does not retry", () => {
    const h = new Harness();
    const worker = h.worker(2);
    const request = h.submit({ idempotent: true });
    h.flush();
    const malformed = { ...failure, reason: "MALFORMED" };
    h.core.result(worker, 1, { kind: "failure", failure: malformed }, h.now);
    h.flush();
    expect(h.ending(request)).toBe("INVALID_ARGUMENT MALFORMED NOT_STARTED");
  });

  it("ends a queued call on its deadline, without waiting for a slot", () => {
    const h = new Harness();
    const request = h.submit({ timeoutMs: 500 });
    h.advance(498);
    expect(h.ending(request)).toBe("OPEN");
    h.advance(1);
    expect(h.ending(request)).toBe("DEADLINE_EXCEEDED DEADLINE_QUEUED NOT_STARTED");
    h.worker();
    expect(h.flush().map(({ kind }) => kind)).toEqual(["welcome"]);
  });

  it("ends a running call on its deadline and on its run timeout, and tells the worker", () => {
    const h = new Harness();
    const worker = h.worker(2);
    const deadline = h.submit({ timeoutMs: 500 });
    const slow = h.submit({ runTimeoutMs: 300 });
    h.advance(500);
    expect(h.ending(slow)).toBe("DEADLINE_EXCEEDED RUN_TIMEOUT UNKNOWN");
    expect(h.ending(deadline)).toBe("DEADLINE_EXCEEDED DEADLINE_RUNNING UNKNOWN");
    const cancelled = h.effects.filter(({ kind }) => kind === "cancel");
    expect(cancelled).toMatchObject([
      { session: worker, jobId: 2 },
      { session: worker, jobId: 1 },
    ]);
  });

  it("blames the deadline for what a handler throws after it", () => {
    const h = new Harness();
    const worker = h.worker();
    const request = h.submit({ timeoutMs: 500 });
    h.flush();
    // Arrives before the flush that is due now.
    h.now += 500;
    h.core.result(worker, 1, { kind: "failure", failure }, h.now);
    h.flush();
    expect(h.ending(request)).toBe("DEADLINE_EXCEEDED DEADLINE_RUNNING UNKNOWN");
    expect(h.effects.filter(({ kind }) => kind === "cancel")).toEqual([]);
  });

  it.each([
    [{ reason: "RESULT_TOO_LARGE" }, "RESOURCE_EXHAUSTED RESULT_TOO_LARGE FINISHED"],
    [{ reason: "MALFORMED" }, "INVALID_ARGUMENT MALFORMED NOT_STARTED"],
  ])("blames it for nothing that no handler has thrown: %o", (report, ending) => {
    const h = new Harness();
    const worker = h.worker();
    const request = h.submit({ timeoutMs: 500 });
    h.flush();
    h.now += 500;
    h.core.result(worker, 1, { kind: "failure", failure: { ...failure, ...report } }, h.now);
    h.flush();
    expect(h.ending(request)).toBe(ending);
  });

  it("says that an answer is too large even after the deadline", () => {
    const h = new Harness({ maxPayloadBytes: 10 });
    const worker = h.worker();
    const request = h.submit({ timeoutMs: 500 });
    h.flush();
    h.now += 500;
    h.core.result(worker, 1, { kind: "answer", payload: new Uint8Array(11) }, h.now);
    h.flush();
    expect(h.ending(request)).toBe("RESOURCE_EXHAUSTED RESULT_TOO_LARGE FINISHED");
  });

  it("gives a job the smaller of what its deadline and its run timeout leave", () => {
    const h = new Harness();
    h.worker(2);
    h.submit({ timeoutMs: 500, runTimeoutMs: 900 });
    h.submit({ timeoutMs: 500, runTimeoutMs: 300 });
    const left = h.flush().flatMap((effect) => (effect.kind === "job" ? [effect.timeLeftMs] : []));
    expect(left).toEqual([500, 300]);
  });

  it("refuses the newest when the queue is full", () => {
    const h = new Harness({ maxQueued: 3 });
    h.worker(0);
    const requests = [h.submit(), h.submit(), h.submit(), h.submit()];
    h.flush();
    expect(requests.map((request) => h.ending(request))).toEqual([
      "OPEN",
      "OPEN",
      "OPEN",
      "RESOURCE_EXHAUSTED QUEUE_FULL NOT_STARTED",
    ]);
  });

  it("keeps most of the queue for methods that have workers", () => {
    const h = new Harness({ maxQueued: 20 });
    const flood = [1, 2, 3].map(() => h.submit({ method: "misspelt" }));
    h.worker(0);
    const fine = h.submit();
    h.flush();
    expect(flood.map((request) => h.ending(request))).toEqual([
      "OPEN",
      "OPEN",
      "RESOURCE_EXHAUSTED QUEUE_FULL NOT_STARTED",
    ]);
    expect(h.ending(fine)).toBe("OPEN");
  });

  it("bounds each payload, and all payloads together", () => {
    const h = new Harness({ maxHeldBytes: 1500 });
    const tooLarge = h.submit({ payload: new Uint8Array(1001) });
    const first = h.submit({ payload: new Uint8Array(1000) });
    const second = h.submit({ payload: new Uint8Array(600) });
    h.flush();
    expect(h.ending(tooLarge)).toBe("INVALID_ARGUMENT PAYLOAD_TOO_LARGE NOT_STARTED");
    expect(h.ending(first)).toBe("OPEN");
    expect(h.ending(second)).toBe("RESOURCE_EXHAUSTED HELD_BYTES_FULL NOT_STARTED");
    expect(h.core.requests.heldBytes).toBe(1000);
  });

  it("waits a while for a worker of the method, counted from when the last one left", () => {
    const h = new Harness();
    const worker = h.worker(0);
    const early = h.submit();
    h.advance(1000);
    h.core.lost(worker, h.now);
    h.advance(29_999);
    const late = h.submit();
    expect(h.ending(early)).toBe("OPEN");
    h.advance(1);
    expect(h.ending(early)).toBe("UNAVAILABLE NO_WORKER NOT_STARTED");
    expect(h.ending(late)).toBe("OPEN");
    h.advance(29_999);
    expect(h.ending(late)).toBe("UNAVAILABLE NO_WORKER NOT_STARTED");
  });

  it("refuses a run timeout that leaves no time, and an answer that is too large", () => {
    const h = new Harness();
    const worker = h.worker(1);
    const [hasty, large] = [h.submit({ runTimeoutMs: 0 }), h.submit()];
    h.flush();
    expect(h.ending(hasty)).toBe("DEADLINE_EXCEEDED RUN_TIMEOUT NOT_STARTED");
    h.core.result(worker, 1, { kind: "answer", payload: new Uint8Array(1001) }, h.now);
    h.flush();
    expect(h.ending(large)).toBe("RESOURCE_EXHAUSTED RESULT_TOO_LARGE FINISHED");
  });

  it("gives a request that came back no more time to wait for a worker than others", () => {
    const h = new Harness();
    const worker = h.worker(1);
    const [lost, waiting] = [h.submit({ idempotent: true }), h.submit()];
    h.flush();
    h.core.workerDrain(worker, h.now);
    h.advance(20_000);
    h.core.lost(worker, h.now);
    h.advance(10_000);
    expect(h.ending(waiting)).toBe("UNAVAILABLE NO_WORKER NOT_STARTED");
    expect(h.ending(lost)).toBe("OPEN");
    h.advance(20_000);
    expect(h.ending(lost)).toBe("ABORTED NO_WORKER UNKNOWN");
  });

  it("releases a payload when its request is settled", () => {
    const h = new Harness();
    h.worker(1);
    const request = h.submit();
    h.flush();
    h.core.cancel(request.seq, h.now);
    expect([h.core.requests.heldBytes, request.payload.length]).toEqual([0, 0]);
  });

  it("honours a queue timeout", () => {
    const h = new Harness();
    h.worker(0);
    const request = h.submit({ queueTimeoutMs: 200 });
    h.advance(200);
    expect(h.ending(request)).toBe("UNAVAILABLE QUEUE_TIMEOUT NOT_STARTED");
  });
});

describe("lost attempts", () => {
  it("runs a request at most once unless it is idempotent", () => {
    const h = new Harness();
    const worker = h.worker();
    const request = h.submit();
    h.flush();
    h.core.lost(worker, h.now);
    h.worker();
    h.flush();
    expect(h.ending(request)).toBe("ABORTED WORKER_LOST UNKNOWN");
  });

  it("retries an idempotent request, in its old place, on another worker", () => {
    const h = new Harness();
    const [first, second] = [h.worker(), h.worker(0)];
    const lost = h.submit({ idempotent: true });
    h.flush();
    const younger = h.submit();
    h.core.lost(first, h.now);
    h.core.ready(second, 1, h.now);
    h.flush();
    expect([h.holder(lost), h.holder(younger)]).toEqual([second, undefined]);
    h.answer(lost);
    h.flush();
    expect(h.outcome(lost)).toMatchObject({ kind: "answer", info: { attempts: 2 } });
  });

  it("uses the worker's declaration of idempotency if the caller makes none", () => {
    const h = new Harness();
    const methods = new Map([["", { idempotent: true }]]);
    const [open, closed] = [h.submit(), h.submit({ idempotent: false })];
    const first = h.worker(2, { methods });
    h.flush();
    h.core.lost(first, h.now);
    h.flush();
    expect(h.ending(open)).toBe("OPEN");
    expect(h.ending(closed)).toBe("ABORTED WORKER_LOST UNKNOWN");
  });

  it("prefers a worker with no jobs to lose", () => {
    const h = new Harness();
    const [first, busy] = [h.worker(1), h.worker(2)];
    const idle = h.worker(1);
    const [lost] = [h.submit({ idempotent: true }), h.submit()];
    h.flush();
    expect(busy.inFlight.size).toBe(1);
    h.core.lost(first, h.now);
    h.flush();
    expect(h.holder(lost as never)).toBe(idle);
  });

  it("stops after the last attempt", () => {
    const h = new Harness();
    const request = h.submit({ idempotent: true, maxAttempts: 2 });
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const worker = h.worker();
      h.flush();
      h.core.lost(worker, h.now);
    }
    h.flush();
    expect(h.ending(request)).toBe("ABORTED ATTEMPTS_EXHAUSTED UNKNOWN");
  });

  it("treats a nack of unknown execution as a loss, and keeps the stream", () => {
    const h = new Harness();
    const worker = h.worker();
    const request = h.submit();
    h.flush();
    h.core.nack(worker, 1, "UNKNOWN", "child died", h.now);
    h.flush();
    expect(h.ending(request)).toBe("ABORTED WORKER_LOST UNKNOWN");
    expect([worker.state, worker.credit]).toEqual(["serving", 0]);
  });

  it("gives a request that was nacked unstarted to another worker, and counts no attempt", () => {
    const h = new Harness();
    const [first, second] = [h.worker(2), h.worker(0)];
    const request = h.submit();
    h.flush();
    h.core.nack(first, 1, "NOT_STARTED", "", h.now);
    h.flush();
    expect(h.holder(request), "not with the credit that it had").toBeUndefined();
    h.core.ready(second, 1, h.now);
    h.flush();
    expect(h.holder(request)).toBe(second);
    expect(request.attempts).toBe(1);
  });

  it("gives a request back to a worker that refused it, after its next ready", () => {
    const h = new Harness();
    const worker = h.worker(2);
    const request = h.submit({ queueTimeoutMs: 1000 });
    h.flush();
    h.advance(900);
    h.core.nack(worker, 1, "NOT_STARTED", "", h.now);
    h.flush();
    expect(h.holder(request)).toBeUndefined();
    h.core.ready(worker, 1, h.now);
    h.flush();
    expect(h.holder(request)).toBe(worker);
    h.core.nack(worker, 2, "NOT_STARTED", "", h.now);
    h.advance(100);
    expect(h.ending(request), "its time to wait goes on").toBe(
      "UNAVAILABLE QUEUE_TIMEOUT NOT_STARTED",
    );
  });

  it("gives up after eight refusals", () => {
    const h = new Harness();
    const request = h.submit();
    for (let refusal = 0; refusal < 8; refusal += 1) {
      const worker = h.worker();
      h.flush();
      h.core.nack(worker, 1, "NOT_STARTED", "", h.now);
    }
    h.flush();
    expect(h.ending(request)).toBe("UNAVAILABLE REJECTED NOT_STARTED");
  });

  it("never reports UNAVAILABLE for a request that may have run", () => {
    const h = new Harness();
    const worker = h.worker();
    const request = h.submit({ idempotent: true });
    h.flush();
    h.core.lost(worker, h.now);
    h.advance(30_000);
    expect(h.ending(request)).toBe("ABORTED NO_WORKER UNKNOWN");
  });
});

describe("liveness", () => {
  it("asks many workers less often, but three times before it judges one", () => {
    const h = new Harness({ maxWorkers: 5000 });
    const connect = (count: number): void => {
      for (let one = 0; one < count; one += 1) h.worker();
    };
    const beatsIn = (ms: number): number =>
      h.advance(ms).filter(({ kind }) => kind === "heartbeat").length;
    connect(1200);
    expect([beatsIn(2399), beatsIn(1)]).toEqual([0, 1200]);
    for (const session of h.core.sessions) h.core.lost(session, h.now);
    connect(4000);
    expect(beatsIn(9999)).toBe(3 * 4000);
  });

  it("drops a stream without hello", () => {
    const h = new Harness();
    const session = h.core.open(h.now);
    h.advance(5000);
    expect(session.state).toBe("ended");
    expect(h.effects).toMatchObject([{ kind: "end", error: { reason: "HELLO_TIMEOUT" } }]);
  });

  it("sends a quiet worker a heartbeat, and drops a silent one", () => {
    const h = new Harness();
    const worker = h.worker();
    const request = h.submit();
    h.advance(9999);
    const beats = h.effects.filter(({ kind }) => kind === "heartbeat");
    expect(beats).toHaveLength(4);
    expect(worker.state).toBe("serving");
    h.advance(1);
    expect(worker.state).toBe("ended");
    expect(h.ending(request)).toBe("ABORTED WORKER_LOST UNKNOWN");
  });

  it("keeps a worker that echoes", () => {
    const h = new Harness();
    const worker = h.worker();
    for (let second = 0; second < 60; second += 1) {
      for (const { kind } of h.advance(1000)) if (kind === "heartbeat") h.core.heard(worker, h.now);
    }
    expect(worker.state).toBe("serving");
  });

  it("allows time for a large message, in either direction", () => {
    const h = new Harness({ maxPayloadBytes: 1_000_000, maxHeldBytes: 1_000_000 });
    const worker = h.worker(1, { maxReceiveBytes: 1_000_000 });
    h.core.announced(worker, 40_960, h.now);
    h.advance(19_999);
    expect(worker.state).toBe("serving");
    h.advance(1);
    expect(worker.state).toBe("ended");
    const receiver = h.worker(1, { maxReceiveBytes: 1_000_000 });
    h.submit({ payload: new Uint8Array(409_600) });
    h.advance(109_999);
    expect(receiver.state).toBe("serving");
    h.advance(1);
    expect(receiver.state).toBe("ended");
  });

  it("does not judge a worker that cannot send while it computes", () => {
    const h = new Harness();
    const worker = h.worker(1, { beatsWhileBusy: false, maxSlots: 1 });
    const request = h.submit();
    h.advance(60_000);
    expect(worker.state).toBe("serving");
    h.core.heard(worker, h.now);
    h.answer(request);
    h.advance(10_000);
    expect(worker.state, "idle it is judged").toBe("ended");
  });

  it("forgives silence while the hub itself was stalled", () => {
    const h = new Harness();
    const worker = h.worker();
    h.advance(1000);
    h.core.nextWake();
    h.now += 12_000;
    h.flush();
    expect(worker.state).toBe("serving");
    h.advance(10_000);
    expect(worker.state).toBe("ended");
  });
});

describe("violations", () => {
  it.each([
    ["ready before hello", (h: Harness) => h.core.ready(h.core.open(h.now), 1, h.now)],
    [
      "a second hello",
      (h: Harness) => {
        const worker = h.worker();
        if (worker.hello) h.core.hello(worker, worker.hello, h.now);
      },
    ],
    ["ready with zero slots", (h: Harness) => h.core.ready(h.worker(), 0, h.now)],
  ])("ends the stream for %s", (what, violate) => {
    const h = new Harness();
    violate(h);
    h.flush();
    const end = h.effects.find(({ kind }) => kind === "end");
    expect(end).toMatchObject({
      error: { code: "INVALID_ARGUMENT", reason: "PROTOCOL_VIOLATION" },
    });
    expect(end).toMatchObject({ error: { message: expect.stringContaining(what) } });
  });

  it("refuses workers above its limit", () => {
    const h = new Harness({ maxWorkers: 1 });
    h.worker();
    h.core.open(h.now);
    h.flush();
    expect(h.effects.at(-1)).toMatchObject({ kind: "end", error: { reason: "TOO_MANY_WORKERS" } });
    expect(h.core.sessions.size).toBe(1);
  });
});

describe("drain", () => {
  it("of a worker lets its jobs finish, gives it no more, and ends its stream with OK", () => {
    const h = new Harness();
    const worker = h.worker(2);
    const running = h.submit();
    h.flush();
    h.core.workerDrain(worker, h.now);
    const waiting = h.submit();
    h.flush();
    expect(h.holder(waiting)).toBeUndefined();
    h.answer(running);
    h.core.ready(worker, 1, h.now);
    expect(h.flush()).toMatchObject([{ kind: "end", error: undefined }, { kind: "settle" }]);
    expect(h.ending(running)).toBe("ANSWER");
  });

  it("of the hub refuses queued and new requests, and lets running ones finish", () => {
    const h = new Harness();
    const worker = h.worker();
    const [running, waiting] = [h.submit(), h.submit()];
    h.flush();
    h.core.drain(h.now);
    const late = h.submit();
    h.flush();
    expect(h.ending(waiting)).toBe("UNAVAILABLE DRAINING NOT_STARTED");
    expect(h.ending(late)).toBe("UNAVAILABLE DRAINING NOT_STARTED");
    expect(h.effects).toContainEqual({ kind: "drain", session: worker });
    expect(h.core.idle).toBe(false);
    h.answer(running);
    h.flush();
    expect(h.ending(running)).toBe("ANSWER");
    expect(h.core.idle).toBe(true);
  });

  it("of the hub does not retry a lost request", () => {
    const h = new Harness();
    const worker = h.worker();
    h.worker();
    const request = h.submit({ idempotent: true });
    h.flush();
    h.core.drain(h.now);
    h.core.lost(worker, h.now);
    h.flush();
    expect(h.ending(request)).toBe("ABORTED DRAINING UNKNOWN");
  });

  it("that is forced ends running requests and every stream", () => {
    const h = new Harness();
    h.worker();
    const request = h.submit();
    h.flush();
    h.core.stop(h.now);
    h.flush();
    expect(h.ending(request)).toBe("ABORTED HUB_SHUTDOWN UNKNOWN");
    expect(h.core.idle).toBe(true);
  });

  it("of the hub turns a new worker away", () => {
    const h = new Harness();
    h.core.drain(h.now);
    h.worker();
    h.flush();
    expect(h.effects.at(-1)).toMatchObject({ kind: "end", error: { reason: "DRAINING" } });
  });
});

describe("crash loops", () => {
  /** Gives a request to a worker, and loses the worker with it. */
  function crash(h: Harness, workerId = "w"): void {
    const session = h.worker(1, { workerId });
    h.submit();
    h.flush();
    h.core.lost(session, h.now);
  }

  it("hold back the credit of a worker that loses one job after another", () => {
    const h = new Harness();
    for (let loss = 0; loss < 3; loss += 1) crash(h);
    const back = h.worker(1, { workerId: "w" });
    const request = h.submit();
    h.advance(999);
    expect([h.holder(request), back.credit]).toEqual([undefined, 1]);
    h.advance(1);
    expect(h.holder(request)).toBe(back);
  });

  it("hold it back for longer each time, and others not at all", () => {
    const h = new Harness();
    for (let loss = 0; loss < 3; loss += 1) crash(h);
    h.advance(1000);
    crash(h);
    const [back, other] = [h.worker(1, { workerId: "w" }), h.worker(1)];
    const [first, second] = [h.submit(), h.submit()];
    h.advance(1999);
    expect([h.holder(first), h.holder(second)]).toEqual([other, undefined]);
    h.advance(1);
    expect(h.holder(second)).toBe(back);
  });

  it("count those idle longer whose hold ended first, even if one flush ends several", () => {
    const h = new Harness();
    const idleOrder = new IdleOrder(h.core);
    h.onFlush = (effects) => idleOrder.checkDispatches(effects);
    for (let loss = 0; loss < 3; loss += 1) crash(h, "early");
    h.now += 0.5;
    for (let loss = 0; loss < 3; loss += 1) crash(h, "late");
    const late = h.worker(1, { workerId: "late" });
    const early = h.worker(1, { workerId: "early" });
    idleOrder.update();
    const requests = [h.submit(), h.submit()];
    h.now += 1000;
    h.flush();
    expect(requests.map((request) => h.holder(request))).toEqual([early, late]);
  });

  it("are forgiven after a while without a loss; a stream lost without jobs does not count", () => {
    const h = new Harness();
    crash(h);
    crash(h);
    h.advance(10_000);
    expect(h.core.workers.isClear).toBe(true);
    crash(h);
    for (let loss = 0; loss < 5; loss += 1) h.core.lost(h.worker(1, { workerId: "w" }), h.now);
    const session = h.worker(1, { workerId: "w" });
    const request = h.submit();
    h.flush();
    expect(h.holder(request)).toBe(session);
  });
});

describe("unread answers", () => {
  it("count in the byte budget, and block only their own caller", () => {
    const h = new Harness({ maxUnreadBytes: 100, maxHeldBytes: 150 });
    h.worker(1);
    const [slow, quick] = [{}, {}];
    const answers = [h.core.sending(slow, 60, h.now), h.core.sending(slow, 60, h.now)];
    const [refused, taken] = [h.submit({ peer: slow }), h.submit({ peer: quick })];
    h.flush();
    expect(h.ending(refused)).toBe("RESOURCE_EXHAUSTED SLOW_READER NOT_STARTED");
    expect(h.ending(taken)).toBe("OPEN");
    const full = h.submit({ peer: quick, payload: new Uint8Array(30) });
    h.flush();
    expect(h.ending(full)).toBe("RESOURCE_EXHAUSTED HELD_BYTES_FULL NOT_STARTED");
    for (const answer of answers) h.core.sent(answer);
    const again = h.submit({ peer: slow });
    h.flush();
    expect(h.ending(again)).toBe("OPEN");
    expect(h.core.requests.unread.bytes).toBe(0);
  });

  it("are abandoned after a while that would do even for a slow link", () => {
    const h = new Harness();
    const response = h.core.sending({}, 40_960, h.now);
    expect(h.advance(39_999)).toEqual([]);
    expect(h.advance(1)).toEqual([{ kind: "abandon", response }]);
    expect(h.core.requests.unread.bytes).toBe(0);
    expect(h.core.nextWake()).toBe(Number.POSITIVE_INFINITY);
  });

  it("count once, even if two are due and the end of their stream frees both", () => {
    const h = new Harness();
    const stream = {};
    const answers = [h.core.sending(stream, 60, h.now), h.core.sending(stream, 60, h.now)];
    expect(h.advance(h.core.nextWake() - h.now)).toHaveLength(2);
    for (const answer of answers) h.core.sent(answer);
    expect(h.core.requests.unread.bytes).toBe(0);
  });
});
