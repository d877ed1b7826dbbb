import { describe, expect, it } from "vitest";
import { GibbsError } from "../../src/base/errors/error.js";
import { encodePayload } from "../../src/wire/payload/payload.js";
import { hello, RawWorker, ready } from "../support/raw-worker.js";
import { startHub, startWorker } from "../support/running.js";
import { ways } from "./callers.js";

/** Answers a job of a scripted worker. */
function answer(worker: RawWorker, jobId: number, output: unknown): void {
  const value = encodePayload(output);
  worker.send({ case: "result", value: { jobId, outcome: { case: "payload", value } } });
}

describe.each(ways)("a request, %s", (_way, open) => {
  it("carries any data there and back, to the method that it names", async () => {
    const hub = await startHub();
    await startWorker(hub, {
      same: (x: unknown) => x,
      twice: (x: number) => 2 * x,
    });
    const caller = open(hub);
    const bytes = new Uint8Array([0, 255, 7]);
    for (const data of [null, true, -1.5, "é€😀", [1, [{}]], { a: { b: [null] } }, bytes]) {
      expect(await caller.request(data, { method: "same" })).toEqual(data);
    }
    expect(await caller.request(21, { method: "twice" })).toBe(42);
  });

  it("fails at once on what cannot be sent or is no option", async () => {
    const hub = await startHub();
    const caller = open(hub);
    await expect(caller.request({ a: [1n] })).rejects.toThrow(/bigint at a\[0\]/);
    await expect(caller.request(1, { maxAttempts: 99 })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      reason: "BAD_OPTION",
      execution: "NOT_STARTED",
    });
    for (const options of [
      { method: "m".repeat(300) },
      { method: "cut \ud83d in half" },
      { requestId: "cut \ud83d in half" },
    ]) {
      await expect(caller.request(1, options)).rejects.toMatchObject({ reason: "BAD_OPTION" });
    }
  });

  it("reports what a handler threw or declared, and how the call went", async () => {
    const hub = await startHub();
    const declared = new GibbsError("NOT_FOUND", "no such page", { retryAfterMs: 20 });
    const options = { workerId: "w" };
    await startWorker(
      hub,
      {
        throws: () => {
          throw new RangeError("no");
        },
        declares: () => {
          throw declared;
        },
      },
      options,
    );
    const caller = open(hub);
    await expect(caller.request(1, { method: "throws", requestId: "mine" })).rejects.toMatchObject({
      code: "UNKNOWN",
      reason: "HANDLER_ERROR",
      message: "no",
      remoteType: "RangeError",
      execution: "FINISHED",
      attempts: 1,
      requestId: "mine",
      workerId: "w",
      queueTimeMs: expect.any(Number),
      runTimeMs: expect.any(Number),
    });
    await expect(caller.request(1, { method: "declares" })).rejects.toMatchObject({
      code: "NOT_FOUND",
      reason: "DECLARED",
      message: "no such page",
      retryAfterMs: 20,
    });
  });

  it("ends in the queue: by its deadline, its own limit, or for want of a worker", async () => {
    const hub = await startHub({ noWorkerTimeoutMs: 50 });
    const caller = open(hub);
    await expect(caller.request(1, { queueTimeoutMs: 20 })).rejects.toMatchObject({
      code: "UNAVAILABLE",
      reason: "QUEUE_TIMEOUT",
      execution: "NOT_STARTED",
      retryAfterMs: expect.any(Number),
    });
    await expect(caller.request(1, { timeoutMs: 20 })).rejects.toMatchObject({
      code: "DEADLINE_EXCEEDED",
      reason: "DEADLINE_QUEUED",
      execution: "NOT_STARTED",
    });
    await expect(caller.request(1)).rejects.toMatchObject({
      code: "UNAVAILABLE",
      reason: "NO_WORKER",
      execution: "NOT_STARTED",
    });
  });

  it("ends while it runs, and the worker is told", async () => {
    const hub = await startHub();
    const worker = new RawWorker(hub.address);
    worker.send(hello(), { case: "ready", value: { slots: 3 } });
    const caller = open(hub);
    const gone = new AbortController();
    const ends = [
      [caller.request(1, { timeoutMs: 100 }), "DEADLINE_RUNNING"],
      [caller.request(1, { runTimeoutMs: 50 }), "RUN_TIMEOUT"],
      [caller.request(1, { signal: gone.signal }), "CLIENT_CANCELLED"],
    ] as const;
    const told = ends.map(([request, reason]) =>
      expect(request).rejects.toMatchObject({ reason, execution: "UNKNOWN" }),
    );
    const jobs = [await worker.hear("job"), await worker.hear("job"), await worker.hear("job")];
    gone.abort();
    await Promise.all(told);
    const cancelled = new Set<number>();
    while (cancelled.size < 3) cancelled.add((await worker.hear("cancel")).jobId);
    expect([...cancelled].sort()).toEqual(jobs.map(({ jobId }) => jobId).sort());
  });

  it("is not sent when it was cancelled beforehand", async () => {
    const hub = await startHub();
    const caller = open(hub);
    await expect(caller.request(1, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "CANCELLED",
      reason: "CLIENT_CANCELLED",
      execution: "NOT_STARTED",
    });
  });

  it("is refused with a hint when too many are already waiting", async () => {
    const hub = await startHub({ maxQueued: 10 });
    const worker = new RawWorker(hub.address);
    worker.send(hello());
    await worker.hear("welcome");
    const caller = open(hub);
    const waiting = Array.from({ length: 10 }, () => caller.request(1));
    await expect(caller.request("one more")).rejects.toMatchObject({
      code: "RESOURCE_EXHAUSTED",
      reason: "QUEUE_FULL",
      execution: "NOT_STARTED",
      retryAfterMs: expect.any(Number),
    });
    worker.send({ case: "ready", value: { slots: 10 } });
    for (let job = 0; job < 10; job += 1) answer(worker, (await worker.hear("job")).jobId, job);
    expect((await Promise.all(waiting)).sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it("is refused when it is too large, and so is its answer", async () => {
    const hub = await startHub({ maxPayloadBytes: 1000 });
    await startWorker(hub, (bytes: number) => new Uint8Array(bytes));
    const caller = open(hub);
    await expect(caller.request(new Uint8Array(2000))).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      reason: "PAYLOAD_TOO_LARGE",
      execution: "NOT_STARTED",
    });
    await expect(caller.request(2000)).rejects.toMatchObject({
      code: "RESOURCE_EXHAUSTED",
      reason: "RESULT_TOO_LARGE",
      execution: "FINISHED",
    });
    expect(await caller.request(900)).toEqual(new Uint8Array(900));
  });

  it("runs again after a loss only if it may", async () => {
    const hub = await startHub();
    const [first, second] = [new RawWorker(hub.address), new RawWorker(hub.address)];
    first.send(hello({ workerId: "first" }), { case: "ready", value: { slots: 2 } });
    const caller = open(hub);
    const once = expect(caller.request("once")).rejects.toMatchObject({
      code: "ABORTED",
      reason: "WORKER_LOST",
      execution: "UNKNOWN",
      workerId: "first",
    });
    const again = caller.request("again", { idempotent: true });
    await first.hear("job");
    await first.hear("job");
    second.send(hello({ workerId: "second" }), ready);
    first.cancel();
    const { jobId, attempt } = await second.hear("job");
    expect(attempt).toBe(2);
    answer(second, jobId, "done");
    expect(await again).toBe("done");
    await once;
  });

  it("gives its worker the metadata that is allowed through", async () => {
    const hub = await startHub({ forwardMetadata: ["tenant", "blob-bin"] });
    await startWorker(hub, (_: unknown, { metadata }: { metadata: Record<string, unknown> }) => [
      metadata["tenant"],
      metadata["secret"] ?? null,
      Buffer.from(metadata["blob-bin"] as Uint8Array).toString("hex"),
    ]);
    const metadata = { Tenant: "a", secret: "b", "blob-bin": new Uint8Array([1, 2]) };
    expect(await open(hub).request(null, { metadata })).toEqual(["a", null, "0102"]);
  });

  it("is kept apart from a thousand others at the same time", async () => {
    const hub = await startHub();
    await startWorker(hub, async (x: number) => x * 3, { slots: 50 });
    const caller = open(hub);
    const inputs = Array.from({ length: 1000 }, (_, index) => index);
    const outputs = await Promise.all(inputs.map((input) => caller.request(input)));
    expect(outputs).toEqual(inputs.map((input) => input * 3));
  });
});
