import { once } from "node:events";
import { mkdtemp } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createChannel, createClient } from "nice-grpc";
import { describe, expect, it, onTestFinished } from "vitest";
import { Hub } from "../../src/hub/hub.js";
import { definition } from "../../src/wire/grpc/definition.js";
import { HealthService, ServingStatus } from "../../src/wire/grpc/health.js";
import { HubService } from "../../src/wire/index.js";
import type { JobContext } from "../../src/worker/handler.js";
import { ManualClock } from "../support/manual-clock.js";
import { callRaw } from "../support/raw-call.js";
import { connectHttp2, frame, openCall, paths, post } from "../support/raw-http2.js";
import { hello, RawWorker, ready } from "../support/raw-worker.js";
import { startClient, startHub, startWorker } from "../support/running.js";

describe("hub.request", () => {
  it("answers in process, as it would a client", async () => {
    const hub = await startHub();
    await startWorker(hub, (x: number) => x ** 2);
    expect(await hub.request(34)).toBe(1156);
    expect(await hub.request<number>(3, { timeoutMs: 60_000 })).toBe(9);
  });

  it("needs no port before workers connect later", async () => {
    const hub = await startHub();
    const waiting = hub.request(5);
    await startWorker(hub, (x: number) => x + 1);
    expect(await waiting).toBe(6);
  });

  it("is cancelled when its signal fires, or has fired already", async () => {
    const hub = await startHub();
    const signal = AbortSignal.abort();
    await expect(hub.request(1, { signal })).rejects.toMatchObject({
      code: "CANCELLED",
      execution: "NOT_STARTED",
    });
  });
});

describe("the signal of a request", () => {
  it("may come from an implementation other than Node's", async () => {
    const hub = await startHub();
    const listeners = new Set<() => void>();
    const signal = {
      aborted: false,
      addEventListener: (_: string, listener: () => void) => listeners.add(listener),
      removeEventListener: (_: string, listener: () => void) => listeners.delete(listener),
    } as unknown as AbortSignal;
    const request = hub.request(1, { signal });
    for (const listener of listeners) listener();
    await expect(request).rejects.toMatchObject({ reason: "CLIENT_CANCELLED" });
    expect(listeners.size).toBe(0);
  });

  it("is refused if it is not a signal, and nothing is sent", async () => {
    const hub = await startHub();
    const signal = { aborted: false } as AbortSignal;
    await expect(hub.request(1, { signal })).rejects.toMatchObject({ reason: "BAD_OPTION" });
    const client = startClient(hub);
    await expect(client.request(1, { signal })).rejects.toMatchObject({ reason: "BAD_OPTION" });
    // Nothing is waiting for the hub to end it.
    await hub.drain();
  });
});

describe("bad input", () => {
  it("is INVALID_ARGUMENT for its caller when the message is malformed", async () => {
    const hub = await startHub();
    const error = await callRaw(hub.address, Buffer.from([0x0a, 0x7f, 0x01]));
    expect(error).toMatchObject({
      code: "INVALID_ARGUMENT",
      reason: "MALFORMED",
      execution: "NOT_STARTED",
    });
  });

  // Value{string_value: "\xff\xfe"}, which is not UTF-8.
  const invalidUtf8 = Buffer.from([0x0a, 0x04, 0x1a, 0x02, 0xff, 0xfe]);

  it("is INVALID_ARGUMENT for its caller when no decoder accepts the text, and workers keep serving", async () => {
    const hub = await startHub();
    await startWorker(hub, (x: unknown) => x);
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const error = await callRaw(hub.address, invalidUtf8);
      expect(error).toMatchObject({ code: "INVALID_ARGUMENT", reason: "MALFORMED" });
    }
    expect(await hub.request("fine")).toBe("fine");
  });

  it("is INVALID_ARGUMENT for its caller when it is nested too deeply, and workers keep serving", async () => {
    const hub = await startHub();
    const client = startClient(hub);
    await startWorker(hub, (x: unknown) => x);
    const deep = JSON.parse(`${"[".repeat(60)}1${"]".repeat(60)}`);
    await expect(client.request(deep, { idempotent: true })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      reason: "MALFORMED",
      execution: "NOT_STARTED",
    });
    expect(await client.request("fine")).toBe("fine");
  });

  it.each([
    [{ maxAttempts: 0 }, /maxAttempts/],
    [{ maxAttempts: 11 }, /maxAttempts/],
    [{ maxAttempts: 1.5 }, /maxAttempts/],
    [{ method: "m".repeat(257) }, /method/],
    [{ requestId: "r".repeat(257) }, /request_?id/i],
    [{ queueTimeoutMs: -1 }, /queueTimeoutMs must be/],
    [{ runTimeoutMs: Number.NaN }, /runTimeoutMs must be/],
    [{ timeoutMs: Number.NaN }, /timeoutMs must be/],
    [{ timeoutMs: "5" as never }, /timeoutMs must be/],
    [{ metadata: { "Bad Key": "x" } }, /the metadata Bad Key/],
    [{ metadata: { a: "é" } }, /the metadata a must .* ASCII/],
    [{ metadata: { "a-bin": "text" } }, /the metadata a-bin must .* bytes/],
    [{ metadata: { "grpc-timeout": "1S" } }, /the metadata grpc-timeout/],
  ])("is INVALID_ARGUMENT for the option %o", async (options, message) => {
    const hub = await startHub();
    for (const caller of [startClient(hub), hub]) {
      await expect(caller.request(1, options)).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        reason: "BAD_OPTION",
        message: expect.stringMatching(message),
      });
    }
  });

  it("is INVALID_ARGUMENT for options that only other languages can send", async () => {
    const hub = await startHub();
    const channel = createChannel(hub.address);
    onTestFinished(() => channel.close());
    const { request } = createClient(definition(HubService), channel);
    const negative = { seconds: -1n, nanos: 0 };
    for (const options of [
      { maxAttempts: 11 },
      { queueTimeout: negative },
      { runTimeout: negative },
    ]) {
      await expect(request({ options })).rejects.toMatchObject({ code: 3 });
    }
  });

  it("treats an absent limit as none", async () => {
    const hub = await startHub();
    await startWorker(hub, (x: unknown) => x);
    const none = Number.POSITIVE_INFINITY;
    const options = { timeoutMs: none, queueTimeoutMs: none, runTimeoutMs: none };
    expect(await startClient(hub).request(1, options)).toBe(1);
    expect(await hub.request(2, options)).toBe(2);
  });

  it("is refused at its first bytes when there is no room, even on a call that has already ended", async () => {
    const hub = await startHub({ maxHeldBytes: 1000 });
    const client = startClient(hub, { transport: "unary" });
    await expect(client.request(new Uint8Array(100_000))).rejects.toMatchObject({
      code: "RESOURCE_EXHAUSTED",
      reason: "HELD_BYTES_FULL",
      execution: "NOT_STARTED",
      retryAfterMs: expect.any(Number),
    });
    const headers = { "content-type": "text/plain" };
    const over = openCall(connectHttp2(hub.address), paths.request, headers);
    await once(over, "response");
    over.end(frame(new Uint8Array(100_000)));
    await startWorker(hub, (x: number) => x + 1);
    expect(await startClient(hub).request(1)).toBe(2);
  });

  it("is PAYLOAD_TOO_LARGE when it is too large", async () => {
    const hub = await startHub({ maxPayloadBytes: 1000 });
    await expect(startClient(hub).request("x".repeat(2000))).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      reason: "PAYLOAD_TOO_LARGE",
      execution: "NOT_STARTED",
    });
  });

  it("is INTERNAL when a worker's answer is not a payload", async () => {
    const hub = await startHub();
    const worker = new RawWorker(hub.address);
    worker.send(hello(), ready);
    const request = startClient(hub).request(1);
    const { jobId } = await worker.hear("job");
    const garbage = new Uint8Array([0x0a, 0x7f]);
    worker.send({ case: "result", value: { jobId, outcome: { case: "payload", value: garbage } } });
    await expect(request).rejects.toMatchObject({ code: "INTERNAL", reason: "RESULT_MALFORMED" });
    worker.send(ready);
    const own = hub.request(1);
    const second = await worker.hear("job");
    worker.send({
      case: "result",
      value: { jobId: second.jobId, outcome: { case: "payload", value: garbage } },
    });
    await expect(own).rejects.toMatchObject({ code: "INTERNAL", reason: "RESULT_MALFORMED" });
  });
});

describe("listen", () => {
  it("reports that the address is in use", async () => {
    const hub = await startHub();
    const second = new Hub({ listen: hub.address });
    await expect(second.listen()).rejects.toMatchObject({
      code: "FAILED_PRECONDITION",
      reason: "ADDRESS_IN_USE",
    });
  });

  it("refuses an address beyond this machine unless it is allowed", async () => {
    const open = new Hub({ listen: "0.0.0.0:0" });
    await expect(open.listen()).rejects.toMatchObject({ reason: "INSECURE_LISTEN" });
    const allowed = await startHub({ listen: "0.0.0.0:0", insecure: true });
    expect(allowed.address).toMatch(/^0\.0\.0\.0:\d+$/);
  });

  it.each(["5019", "host", "host:port", "1.2.3.4:99999", "a b:1"])(
    "refuses %s as an address",
    async (listen) => {
      await expect(new Hub({ listen }).listen()).rejects.toMatchObject({ reason: "BAD_ADDRESS" });
    },
  );

  it.each([
    { maxQueued: Number.NaN },
    { heartbeatIntervalMs: Number.POSITIVE_INFINITY },
    { hubTimeoutMs: 0.5 },
    { maxPayloadBytes: 5e9 },
    { maxSlots: 0 },
    { livenessTimeoutMs: 100 },
    { forwardMetadata: ["Authorization"] },
    { forwardMetadata: "traceparent" as never },
    { insecure: "false" as never },
    { listen: 5019 as never },
  ])("refuses the option %o", (options) => {
    expect(() => new Hub(options)).toThrow(/^the option \w+ must /);
  });

  it("asks a worker before it judges its silence, whatever the two intervals are", async () => {
    const clock = new ManualClock();
    const hub = await startHub({ clock, livenessTimeoutMs: 900 });
    const worker = new RawWorker(hub.address);
    worker.send(hello());
    expect(await worker.hear("welcome")).toMatchObject({ heartbeatIntervalMs: 300 });
    await clock.advance(300);
    await worker.hear("heartbeat");
  });

  it("forwards metadata by its name in any case, and only up to a limit", async () => {
    const hub = await startHub({ forwardMetadata: ["X-Tenant"] });
    await startWorker(hub, (_: unknown, { metadata }: JobContext) => ({ ...metadata }));
    for (const caller of [startClient(hub), hub]) {
      const metadata = { "X-Tenant": "acme" };
      expect(await caller.request(1, { metadata })).toEqual({ "x-tenant": "acme" });
    }
    const metadata = { "x-tenant": "x".repeat(9000) };
    await expect(hub.request(1, { metadata })).rejects.toMatchObject({ reason: "BAD_OPTION" });
  });

  it("rejects when the hub is closed during the lookup of its host", async () => {
    const hub = new Hub({ listen: "localhost:0" });
    const listening = hub.listen().then(
      () => "listening",
      (error: unknown) => error,
    );
    await hub.close();
    const outcome = await listening;
    if (outcome !== "listening") expect(outcome).toMatchObject({ reason: "LISTEN_FAILED" });
  });

  it("refuses a Unix socket whose path would be truncated, and accepts one that fits", async () => {
    const folder = await mkdtemp(join(tmpdir(), "gibbs-"));
    const long = new Hub({ listen: `unix:${join(folder, "x".repeat(120))}` });
    await expect(long.listen()).rejects.toMatchObject({ reason: "BAD_ADDRESS" });
    const hub = await startHub({ listen: `unix:${join(folder, "hub")}` });
    await startWorker(hub, (x: number) => x + 1);
    expect(await startClient(hub).request(1)).toBe(2);
  });

  it("listens on IPv6 loopback", async () => {
    const hub = await startHub({ listen: "[::1]:0" });
    await startWorker(hub, (x: number) => -x);
    expect(await startClient(hub).request(1)).toBe(-1);
  });
});

/** When a call that was sent again so often should be sent again, in milliseconds. */
async function pushbackOf(hub: Hub, previousAttempts: string | undefined): Promise<number> {
  const headers = { "grpc-previous-rpc-attempts": previousAttempts };
  const call = openCall(connectHttp2(hub.address), paths.request, headers);
  call.end(frame(new Uint8Array()));
  const [response] = await once(call, "response");
  return Number(response["grpc-retry-pushback-ms"]);
}

describe("drain", () => {
  it("refuses queued requests, finishes running ones, and closes the port", async () => {
    const hub = await startHub();
    const client = startClient(hub);
    const worker = new RawWorker(hub.address);
    worker.send(hello(), ready);
    const running = client.request("running");
    const { jobId } = await worker.hear("job");
    const waiting = hub.request("waiting");
    const drained = hub.drain();
    await expect(waiting).rejects.toMatchObject({ code: "UNAVAILABLE", reason: "DRAINING" });
    const late = await post(connectHttp2(hub.address), paths.request, frame(new Uint8Array()));
    expect(late.status).toMatchObject({ code: "UNAVAILABLE", reason: "DRAINING" });
    // 1 s at first, 4 s after two retries, spread by half of it.
    expect(await pushbackOf(hub, undefined)).toBeLessThanOrEqual(1500);
    expect(await pushbackOf(hub, "2")).toBeGreaterThanOrEqual(2000);
    expect(await pushbackOf(hub, "-7 or so")).toBeLessThanOrEqual(1500);
    expect((await worker.hear("drain")).next.case).toBe("reconnectAfterMs");
    const lateWorker = new RawWorker(hub.address);
    lateWorker.send(hello());
    expect(await lateWorker.ended).toMatchObject({ code: 14 });
    worker.send({
      case: "result",
      value: { jobId, outcome: { case: "payload", value: new Uint8Array() } },
    });
    expect(await running).toBeNull();
    expect(await worker.ended).toMatchObject({ code: 0 });
    await drained;
    await expect(hub.request(1)).rejects.toMatchObject({ reason: "DRAINING" });
  });

  it("does not wait for peers that never say anything", async () => {
    const hub = await startHub();
    const [host, port] = hub.address.split(":");
    const silent = connect(Number(port), host);
    onTestFinished(() => void silent.destroy());
    silent.resume();
    await once(silent, "connect");
    const closed = once(silent, "close");
    await hub.drain();
    await closed;
  });

  it("ends what still runs after its timeout, with the documented status and not as CANCELLED", async () => {
    const hub = await startHub({ drainTimeoutMs: 1 });
    const worker = new RawWorker(hub.address);
    worker.send(hello(), ready);
    const running = expect(startClient(hub).request(1)).rejects.toMatchObject({
      code: "ABORTED",
      reason: "HUB_SHUTDOWN",
    });
    await worker.hear("job");
    await hub.drain();
    await running;
  });
});

it("reports health: serving, then not, and NOT_FOUND for an unknown service", async () => {
  const hub = await startHub();
  const worker = new RawWorker(hub.address);
  worker.send(hello(), ready);
  const channel = createChannel(hub.address);
  onTestFinished(() => channel.close());
  const health = createClient(definition(HealthService), channel);
  expect(await health.check({})).toMatchObject({ status: ServingStatus.SERVING });
  expect(await health.check({ service: "gibbs.v1.HubService" })).toMatchObject({ status: 1 });
  await expect(health.check({ service: "nope" })).rejects.toMatchObject({ code: 5 });
  const watch = health.watch({})[Symbol.asyncIterator]();
  expect(await watch.next()).toMatchObject({ value: { status: ServingStatus.SERVING } });
  const running = hub.request(1);
  const { jobId } = await worker.hear("job");
  const drained = hub.drain();
  expect(await watch.next()).toMatchObject({ value: { status: ServingStatus.NOT_SERVING } });
  expect(await health.check({})).toMatchObject({ status: ServingStatus.NOT_SERVING });
  worker.send({ case: "nack", value: { jobId, execution: 2 } });
  await expect(running).rejects.toMatchObject({ reason: "WORKER_LOST" });
  expect(await watch.next()).toMatchObject({ done: true });
  await drained;
});
