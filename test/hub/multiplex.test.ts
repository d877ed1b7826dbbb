import { constants } from "node:http2";
import { describe, expect, it } from "vitest";
import { fromStatusFields } from "../../src/wire/grpc/status.js";
import { encodeClientItems, type HubItem } from "../../src/wire/messages/multiplex.js";
import { decodePayload, encodePayload } from "../../src/wire/payload/payload.js";
import { ManualClock } from "../support/manual-clock.js";
import { connectHttp2, frame, openCall } from "../support/raw-http2.js";
import { call, cancel, RawMultiplex } from "../support/raw-multiplex.js";
import { hello, RawWorker, ready } from "../support/raw-worker.js";
import { startClient, startHub, startWorker } from "../support/running.js";
import { until } from "../support/until.js";

/** A short form of an item: the call with its answer, or with the code and reason of its status. */
function brief({ id, item }: HubItem): [number, unknown] {
  switch (item.case) {
    case "response":
      return [id, decodePayload(item.value.payload)];
    case "status": {
      const { code, reason } = fromStatusFields(item.value);
      return [id, `${code} ${reason}`];
    }
    default:
      return [id, item.case];
  }
}

async function open(address: string): Promise<RawMultiplex> {
  const stream = new RawMultiplex(address);
  expect((await stream.hear()).item.case).toBe("settings");
  return stream;
}

describe("a Multiplex stream", () => {
  it("begins with its settings", async () => {
    const hub = await startHub({ maxPayloadBytes: 1000, maxOpenCalls: 5 });
    const stream = new RawMultiplex(hub.address);
    expect(await stream.hear()).toMatchObject({
      item: { case: "settings", value: { maxPayloadBytes: 1000, maxOpenCalls: 5 } },
    });
  });

  it("answers each call under its id, in the order in which answers arrive", async () => {
    const hub = await startHub();
    const stream = await open(hub.address);
    const worker = new RawWorker(hub.address);
    worker.send(hello(), { case: "ready", value: { slots: 2 } });
    stream.send(call(7, "a"), call(9, "b"));
    const [first, second] = [await worker.hear("job"), await worker.hear("job")];
    for (const { jobId, payload } of [second, first]) {
      worker.send({
        case: "result",
        value: { jobId, outcome: { case: "payload", value: payload } },
      });
    }
    expect([brief(await stream.hear()), brief(await stream.hear())]).toEqual([
      [9, "b"],
      [7, "a"],
    ]);
  });

  it("gives a cancelled call one status, and its id is free again after it", async () => {
    const hub = await startHub();
    const stream = await open(hub.address);
    stream.send(call(1), cancel(1), cancel(1), cancel(5));
    expect(brief(await stream.hear())).toEqual([1, "CANCELLED CLIENT_CANCELLED"]);
    await startWorker(hub, (x: unknown) => x);
    stream.send(call(1, "again"));
    expect(brief(await stream.hear())).toEqual([1, "again"]);
  });

  it("ends only the call that is invalid or one too many", async () => {
    const hub = await startHub({ maxOpenCalls: 4, maxPayloadBytes: 100 });
    const stream = await open(hub.address);
    stream.send(
      call(1, "waits"),
      call(2, null, { method: "m".repeat(300) }),
      call(3, new Uint8Array(200)),
      call(4, null, { timeoutMs: 0 }),
      call(5, "waits too"),
      call(6),
    );
    const heard = new Map<number, unknown>();
    while (heard.size < 4) heard.set(...brief(await stream.hear()));
    expect([...heard].sort()).toEqual([
      [2, "INVALID_ARGUMENT BAD_OPTION"],
      [3, "INVALID_ARGUMENT PAYLOAD_TOO_LARGE"],
      [4, "DEADLINE_EXCEEDED DEADLINE_QUEUED"],
      [6, "RESOURCE_EXHAUSTED TOO_MANY_CALLS"],
    ]);
    await startWorker(hub, (x: unknown) => x);
    expect(brief(await stream.hear())).toEqual([1, "waits"]);
    expect(brief(await stream.hear())).toEqual([5, "waits too"]);
  });

  it.each([
    ["a message that is none", (one: RawMultiplex) => one.sendRaw(Buffer.from([0x0a, 0x7f]))],
    ["an id that is open", (one: RawMultiplex) => one.send(call(1), call(1))],
    ["a call without an id", (one: RawMultiplex) => one.send(call(0))],
  ])("ends with %s, and its calls are cancelled", async (_what, misbehave) => {
    const hub = await startHub();
    const worker = new RawWorker(hub.address);
    worker.send(hello(), ready);
    const stream = await open(hub.address);
    stream.send(call(77));
    const { jobId } = await worker.hear("job");
    misbehave(stream);
    expect(await stream.ended).toMatchObject({ code: 3 });
    expect((await worker.hear("cancel")).jobId).toBe(jobId);
  });

  it("cancels its calls when it breaks", async () => {
    const hub = await startHub();
    const worker = new RawWorker(hub.address);
    worker.send(hello(), ready);
    const client = startClient(hub);
    const request = expect(client.request(1)).rejects.toMatchObject({ reason: "CLIENT_CLOSED" });
    const { jobId } = await worker.hear("job");
    client.close();
    await request;
    expect((await worker.hear("cancel")).jobId).toBe(jobId);
  });

  it("ends with OK when it was half-closed and its last call has ended", async () => {
    const hub = await startHub();
    const worker = new RawWorker(hub.address);
    worker.send(hello(), ready);
    const stream = await open(hub.address);
    stream.send(call(1));
    const { jobId } = await worker.hear("job");
    stream.halfClose();
    worker.send({ case: "result", value: { jobId, outcome: { case: undefined } } });
    expect(brief(await stream.hear())).toEqual([1, null]);
    expect(await stream.ended).toMatchObject({ code: 0 });
  });

  it("announces a drain, finishes running calls, and refuses new ones", async () => {
    const hub = await startHub();
    const worker = new RawWorker(hub.address);
    worker.send(hello(), ready);
    const stream = await open(hub.address);
    stream.send(call(1), call(2));
    const { jobId } = await worker.hear("job");
    const drained = hub.drain();
    expect(brief(await stream.hear())).toEqual([0, "drain"]);
    expect(brief(await stream.hear())).toEqual([2, "UNAVAILABLE DRAINING"]);
    stream.send(call(3));
    expect(brief(await stream.hear())).toEqual([3, "UNAVAILABLE DRAINING"]);
    expect(await new RawMultiplex(hub.address).ended).toMatchObject({ code: 14 });
    worker.send({ case: "result", value: { jobId, outcome: { case: undefined } } });
    expect(brief(await stream.hear())).toEqual([1, null]);
    expect(await stream.ended).toMatchObject({ code: 0 });
    await drained;
  });

  it("is reset when its client does not read, and no other client notices", async () => {
    const clock = new ManualClock();
    const hub = await startHub({ clock, livenessTimeoutMs: 3_600_000 });
    let answered = 0;
    await startWorker(hub, () => {
      answered += 1;
      return new Uint8Array(300_000);
    });
    const stream = openCall(connectHttp2(hub.address), "/gibbs.v1.HubService/Multiplex");
    const reset = new Promise((resolve) => stream.once("close", resolve));
    const calls = Array.from({ length: 5 }, (_, index) => call(index + 1));
    for (const message of encodeClientItems(calls)) stream.write(frame(message));
    await until(() => answered === 5);
    const other = startClient(hub);
    expect(await other.request<Uint8Array>(null)).toHaveLength(300_000);
    await clock.advance(3_600_000 / 2);
    await reset;
    expect(stream.rstCode).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    expect(await other.request<Uint8Array>(null)).toHaveLength(300_000);
  });
});

describe("what a stream may not do", () => {
  it("bring more calls in one message than may be open: it ends", async () => {
    const hub = await startHub({ maxOpenCalls: 3 });
    const stream = await open(hub.address);
    stream.send(...Array.from({ length: 10 }, (_, index) => call(index + 1)));
    expect(await stream.ended).toMatchObject({ code: 3 });
  });
});

describe("a client", () => {
  it("fails only the call that is too large for its hub or for itself", async () => {
    const hub = await startHub({ maxPayloadBytes: 8 << 20 });
    const worker = new RawWorker(hub.address, { "grpc.max_receive_message_length": -1 });
    worker.send(hello({ maxReceiveBytes: 16 << 20 }), { case: "ready", value: { slots: 3 } });
    const client = startClient(hub);
    const innocent = client.request("innocent");
    const { jobId } = await worker.hear("job");
    await expect(client.request(new Uint8Array(6 << 20))).rejects.toMatchObject({
      reason: "PAYLOAD_TOO_LARGE",
      execution: "NOT_STARTED",
    });
    await expect(client.request(1, { method: "m".repeat(5_000_000) })).rejects.toMatchObject({
      reason: "BAD_OPTION",
    });
    await expect(client.request(1, { method: 5 as never })).rejects.toMatchObject({
      reason: "BAD_OPTION",
    });
    const large = expect(client.request("large")).rejects.toMatchObject({
      reason: "MESSAGE_TOO_LARGE",
      execution: "FINISHED",
    });
    const job = await worker.hear("job");
    const value = encodePayload(new Uint8Array(6 << 20));
    worker.send({
      case: "result",
      value: { jobId: job.jobId, outcome: { case: "payload", value } },
    });
    await large;
    worker.send({ case: "result", value: { jobId, outcome: { case: undefined } } });
    expect(await innocent).toBeNull();
  });

  it("spreads its calls over as many streams as the hub's limit requires, and drops none", async () => {
    const hub = await startHub({ maxOpenCalls: 3 });
    const worker = new RawWorker(hub.address);
    worker.send(hello(), { case: "ready", value: { slots: 20 } });
    const client = startClient(hub);
    const requests = Array.from({ length: 20 }, (_, index) => client.request(index));
    for (let job = 0; job < 20; job += 1) {
      const { jobId, payload } = await worker.hear("job");
      worker.send({
        case: "result",
        value: { jobId, outcome: { case: "payload", value: payload } },
      });
    }
    expect(await Promise.all(requests)).toEqual(Array.from({ length: 20 }, (_, index) => index));
  });

  it("disturbs no other call with 1,100 quick cancels", async () => {
    const hub = await startHub();
    const worker = new RawWorker(hub.address);
    worker.send(hello(), ready);
    const client = startClient(hub);
    const running = client.request("running");
    const { jobId, payload } = await worker.hear("job");
    for (let cancelled = 0; cancelled < 1100; cancelled += 1) {
      const gone = new AbortController();
      const request = client.request(cancelled, { signal: gone.signal });
      const told = expect(request).rejects.toMatchObject({ reason: "CLIENT_CANCELLED" });
      await new Promise((resolve) => setImmediate(resolve));
      gone.abort();
      await told;
    }
    worker.send({ case: "result", value: { jobId, outcome: { case: "payload", value: payload } } });
    expect(await running).toBe("running");
  });

  it("closes a stream that has been idle for a while, and opens another when needed", async () => {
    const clock = new ManualClock();
    const hub = await startHub();
    await startWorker(hub, (x: number) => x + 1);
    const client = startClient(hub, { clock });
    expect(await client.request(1)).toBe(2);
    expect(clock.pending).toBe(1);
    await clock.advance(10_000);
    while (clock.pending > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(await client.request(2)).toBe(3);
  });
});
