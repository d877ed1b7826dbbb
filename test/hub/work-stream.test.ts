import { create, toBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ErrorInfoSchema } from "../../src/gen/google/rpc/error_details_pb.js";
import { ManualClock } from "../support/manual-clock.js";
import { answer, hello, RawWorker, ready } from "../support/raw-worker.js";
import { startClient, startHub } from "../support/running.js";
import { until } from "../support/until.js";

/** Another hub's error info, as a handler that called that hub would pass it on. */
const ANOTHER_HUBS_WORD = toBinary(
  ErrorInfoSchema,
  create(ErrorInfoSchema, {
    domain: "gibbs",
    reason: "DRAINING",
    metadata: { execution: "NOT_STARTED" },
  }),
);

describe("the Work stream", () => {
  it("answers hello with the clocks and limits of the hub", async () => {
    const hub = await startHub({ heartbeatIntervalMs: 1234, maxSlots: 9 });
    const worker = new RawWorker(hub.address);
    worker.send(hello());
    expect(await worker.hear("welcome")).toMatchObject({ heartbeatIntervalMs: 1234, maxSlots: 9 });
  });

  it("gives a worker that cannot speak while it computes one slot", async () => {
    const hub = await startHub();
    const worker = new RawWorker(hub.address);
    worker.send(hello({ heartbeatMode: 2 }));
    expect(await worker.hear("welcome")).toMatchObject({ maxSlots: 1 });
  });

  it("accepts hello, ready and results in one message or in many", async () => {
    const hub = await startHub();
    const worker = new RawWorker(hub.address);
    worker.send(hello(), { case: "ready", value: { slots: 2 } });
    const answers = Promise.all([hub.request(1), hub.request(2)]);
    const [first, second] = [await worker.hear("job"), await worker.hear("job")];
    worker.send(answer(second.jobId, "b"), ready, answer(first.jobId, "a"), ready);
    expect(await answers).toEqual(["a", "b"]);
  });

  it("gives a job its method, attempt, time left and the metadata allowed through", async () => {
    const hub = await startHub();
    const worker = new RawWorker(hub.address);
    worker.send(hello({ methods: [{ name: "ocr" }] }), ready);
    const request = hub.request(null, {
      method: "ocr",
      timeoutMs: 60_000,
      requestId: "mine",
      metadata: { traceparent: "00-ab", cookie: "secret" },
    });
    const job = await worker.hear("job");
    expect(job).toMatchObject({ method: "ocr", attempt: 1, requestId: "mine" });
    expect(job.timeoutMs).toBeGreaterThan(0);
    expect(job.timeoutMs).toBeLessThanOrEqual(60_000);
    expect(job.metadata.map(({ key, value }) => [key, String(Buffer.from(value))])).toEqual([
      ["traceparent", "00-ab"],
    ]);
    worker.send(answer(job.jobId, 1));
    await request;
  });

  it("passes a cancel on, and keeps the slot until the terminal event", async () => {
    const hub = await startHub();
    const worker = new RawWorker(hub.address);
    worker.send(hello(), ready);
    const abort = new AbortController();
    const first = hub.request(1, { signal: abort.signal });
    const { jobId } = await worker.hear("job");
    abort.abort();
    await expect(first).rejects.toMatchObject({ code: "CANCELLED", reason: "CLIENT_CANCELLED" });
    expect(await worker.hear("cancel")).toMatchObject({ jobId });
    const second = hub.request(2);
    worker.send(answer(jobId, "too late"), ready);
    const job = await worker.hear("job");
    worker.send(answer(job.jobId, "in time"));
    expect(await second).toBe("in time");
  });

  it("applies what was received before the stream broke", async () => {
    const hub = await startHub();
    const worker = new RawWorker(hub.address);
    worker.send(hello(), ready);
    const request = hub.request(1);
    const { jobId } = await worker.hear("job");
    worker.send(answer(jobId, "last words"));
    worker.halfClose();
    expect(await request).toBe("last words");
  });

  it("treats a half-close by the worker as a loss", async () => {
    const hub = await startHub();
    const worker = new RawWorker(hub.address);
    worker.send(hello(), ready);
    const request = hub.request(1);
    await worker.hear("job");
    worker.halfClose();
    await expect(request).rejects.toMatchObject({ code: "ABORTED", reason: "WORKER_LOST" });
    expect(await worker.ended, "and the call does not stay open").toMatchObject({
      code: 3,
      details: expect.stringContaining("closed its side first"),
    });
  });

  it("sends a worker no message larger than it can receive", async () => {
    const hub = await startHub();
    const worker = new RawWorker(hub.address, { "grpc.max_receive_message_length": 100_000 });
    worker.send(hello({ maxReceiveBytes: 100_000 }), { case: "ready", value: { slots: 4 } });
    await worker.hear("welcome");
    const answers = Promise.all([1, 2, 3, 4].map((x) => hub.request(`${x}`.repeat(50_000))));
    for (let jobs = 0; jobs < 4; jobs += 1) {
      const { jobId } = await worker.hear("job");
      worker.send(answer(jobId, "fits"));
    }
    expect(await answers).toEqual(["fits", "fits", "fits", "fits"]);
  });

  it("ends a drained worker's stream with OK when its last job has ended", async () => {
    const hub = await startHub();
    const worker = new RawWorker(hub.address);
    worker.send(hello(), ready);
    const request = hub.request(1);
    const { jobId } = await worker.hear("job");
    worker.send({ case: "drain", value: { reason: "deploy" } });
    worker.send(answer(jobId, 2));
    expect(await request).toBe(2);
    expect(await worker.ended).toMatchObject({ code: 0 });
  });

  it.each([
    ["a message that does not decode", (w: RawWorker) => w.sendRaw(Buffer.from([0xff, 0xff]))],
    ["ready before hello", (w: RawWorker) => w.send(ready)],
    ["a second hello", (w: RawWorker) => w.send(hello(), hello())],
    ["zero slots", (w: RawWorker) => w.send(hello(), { case: "ready", value: { slots: 0 } })],
    ["a name that is too long", (w: RawWorker) => w.send(hello({ workerId: "x".repeat(257) }))],
  ])(
    "ends a stream with INVALID_ARGUMENT for %s, and other workers go on",
    async (_, misbehave) => {
      const hub = await startHub();
      const good = new RawWorker(hub.address);
      good.send(hello(), ready);
      await good.hear("welcome");
      const bad = new RawWorker(hub.address);
      misbehave(bad);
      expect(await bad.ended).toMatchObject({
        code: 3,
        details: expect.stringMatching(/violation/),
      });
      const request = hub.request(1);
      const { jobId } = await good.hear("job");
      good.send(answer(jobId, "fine"));
      expect(await request).toBe("fine");
    },
  );

  it("ignores an event of a later version", async () => {
    const hub = await startHub();
    const worker = new RawWorker(hub.address);
    // WorkRequest{events: [{99: ""}]}
    worker.sendRaw(Buffer.from([0x0a, 0x03, 0x9a, 0x06, 0x00]));
    worker.send(hello());
    await worker.hear("welcome");
  });

  it.each([
    ["no RetryInfo", "type.googleapis.com/google.rpc.RetryInfo", [0xff, 0xff]],
    [
      "a hint of ages",
      "type.googleapis.com/google.rpc.RetryInfo",
      [0x0a, 0x0a, 0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
    ],
    ["the word of another hub", "type.googleapis.com/google.rpc.ErrorInfo", ANOTHER_HUBS_WORD],
  ])("is not harmed by a failure with %s in its details", async (_what, typeUrl, bytes) => {
    const hub = await startHub();
    const worker = new RawWorker(hub.address);
    worker.send(hello(), ready);
    const failed = expect(startClient(hub).request(1)).rejects.toMatchObject({
      code: "RESOURCE_EXHAUSTED",
      reason: "DECLARED",
      execution: "FINISHED",
    });
    const { jobId } = await worker.hear("job");
    const details = [{ typeUrl, value: new Uint8Array(bytes) }];
    const failure = { code: 8, message: "no", details };
    worker.send({ case: "result", value: { jobId, outcome: { case: "failure", value: failure } } });
    await failed;
    worker.send(ready);
    const again = hub.request(2);
    const next = await worker.hear("job");
    worker.send({ case: "result", value: { jobId: next.jobId, outcome: { case: undefined } } });
    expect(await again).toBeNull();
  });

  it("drops a stream that says nothing, and asks a quiet worker for a heartbeat", async () => {
    const clock = new ManualClock();
    const hub = await startHub({ clock });
    const worker = new RawWorker(hub.address);
    worker.send(hello());
    await worker.hear("welcome");
    await clock.advance(2000);
    await worker.hear("heartbeat");
    await clock.advance(8000);
    expect(await worker.ended).toMatchObject({ code: 14, details: /silent for 10000 ms/ });
    const mute = new RawWorker(hub.address);
    mute.send();
    // Headers alone open a stream; the hub has seen it once it keeps a timer for it.
    await until(() => clock.pending > 0);
    await clock.advance(5000);
    expect(await mute.ended).toMatchObject({ code: 4 });
  });

  it("supersedes an older stream of the same process", async () => {
    const hub = await startHub();
    const instanceId = new Uint8Array(16).fill(7);
    const older = new RawWorker(hub.address);
    older.send(hello({ instanceId }));
    await older.hear("welcome");
    const newer = new RawWorker(hub.address);
    newer.send(hello({ instanceId }));
    await newer.hear("welcome");
    expect(await older.ended).toMatchObject({ code: 10 });
  });
});
