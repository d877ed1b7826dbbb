import { Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";
import { describe, expect, it, onTestFinished } from "vitest";
import { Client } from "../../src/client/client.js";
import type { Hub } from "../../src/hub/hub.js";
import { rawService } from "../../src/wire/grpc/raw-service.js";
import { HubService } from "../../src/wire/index.js";
import { encodeHubItems } from "../../src/wire/messages/multiplex.js";
import { encodePayload } from "../../src/wire/payload/payload.js";
import { ManualClock } from "../support/manual-clock.js";
import { hello, RawWorker, ready } from "../support/raw-worker.js";
import { gibbsHub, startClient, startHub, startWorker } from "../support/running.js";

/** Starts a hub with a worker. `restart` replaces the hub with another at the same address. */
async function restartable(): Promise<{ address: string; restart(): Promise<Hub> }> {
  const hub = await startHub();
  await startWorker(hub, (x: number) => x + 1);
  const { address } = hub;
  const restart = async (): Promise<Hub> => {
    await hub.close();
    return startHub({ listen: address });
  };
  return { address, restart };
}

/** Makes a test's own server listen. Returns its address. */
async function listen(server: Server): Promise<string> {
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  onTestFinished(() => server.forceShutdown());
  return `127.0.0.1:${port}`;
}

describe("a client", () => {
  it("reports where a request ran and how many times it was started", async () => {
    const hub = await startHub();
    await startWorker(hub, (x: number) => x ** 2, { workerId: "squarer" });
    const answer = await startClient(hub).requestWithInfo(3, { requestId: "mine" });
    expect(answer).toMatchObject({
      output: 9,
      requestId: "mine",
      workerId: "squarer",
      attempts: 1,
    });
    expect(answer.runTimeMs).toBeGreaterThan(0);
    expect(answer.queueTimeMs).toBeGreaterThanOrEqual(0);
  });

  it("gets an idempotent request rerun when its worker is lost", async () => {
    const hub = await startHub();
    const dying = new RawWorker(hub.address);
    dying.send(hello(), ready);
    const request = startClient(hub).requestWithInfo(4, { idempotent: true });
    await dying.hear("job");
    await startWorker(hub, (x: number) => x ** 2);
    dying.cancel();
    expect(await request).toMatchObject({ output: 16, attempts: 2 });
  });

  it("says that the work may have run when a worker is lost", async () => {
    const hub = await startHub();
    const dying = new RawWorker(hub.address);
    dying.send(hello(), ready);
    const request = startClient(hub).request(4, { requestId: "r" });
    await dying.hear("job");
    dying.cancel();
    await expect(request).rejects.toMatchObject({
      name: "GibbsError",
      code: "ABORTED",
      reason: "WORKER_LOST",
      execution: "UNKNOWN",
      requestId: "r",
      attempts: 1,
    });
  });

  it("waits for a hub that is not up yet", async () => {
    const first = await startHub();
    const { address } = first;
    await first.close();
    const client = startClient(address);
    const request = client.request(5);
    const hub = await startHub({ listen: address });
    await startWorker(hub, (x: number) => x + 1);
    expect(await request).toBe(6);
  });

  it("loses no request when a hub restarts between two of them", async () => {
    const { address, ...first } = await restartable();
    const client = startClient(address);
    expect(await client.request(1)).toBe(2);
    const second = await first.restart();
    const answers = Promise.all([1, 2, 3].map((x) => client.request<number>(x)));
    await startWorker(second, (x: number) => x + 1);
    expect(await answers).toEqual([2, 3, 4]);
  });

  it("resends an idempotent request when the hub that had it is gone", async () => {
    const hub = await gibbsHub();
    const first = new RawWorker(hub.address);
    first.send(hello(), { case: "ready", value: { slots: 3 } });
    const client = startClient(hub.address);
    const again = client.requestWithInfo(4, { idempotent: true, requestId: "again" });
    const broken = [client.request(5), client.request(6, { idempotent: true, maxAttempts: 1 })].map(
      (request) =>
        expect(request).rejects.toMatchObject({ reason: "CONNECTION_LOST", execution: "UNKNOWN" }),
    );
    for (let job = 0; job < 3; job += 1) await first.hear("job");
    hub.process.kill("SIGKILL");
    await hub.ended;
    const next = await gibbsHub(hub.address);
    await startWorker(next.address, (x: number) => x ** 2);
    await Promise.all(broken);
    expect(await again).toMatchObject({ output: 16, requestId: "again" });
  });

  it("resends what a hub that is shutting down did not accept", async () => {
    const hub = await startHub();
    const worker = new RawWorker(hub.address);
    worker.send(hello(), ready);
    const client = startClient(hub);
    const running = client.request(4);
    const { jobId } = await worker.hear("job");
    const waiting = client.requestWithInfo(5);
    const drained = hub.drain();
    await worker.hear("drain");
    const payload = encodePayload(16);
    worker.send({ case: "result", value: { jobId, outcome: { case: "payload", value: payload } } });
    expect(await running).toBe(16);
    await drained;
    const next = await startHub({ listen: hub.address });
    await startWorker(next, (x: number) => x ** 2);
    expect(await waiting).toMatchObject({ output: 25, attempts: 1 });
  });

  it("reports that a hub is shutting down when that takes too long", async () => {
    const hub = await startHub();
    const worker = new RawWorker(hub.address);
    worker.send(hello(), ready);
    const client = startClient(hub, { connectTimeoutMs: 200 });
    const running = expect(client.request(4)).rejects.toMatchObject({ reason: "HUB_SHUTDOWN" });
    await worker.hear("job");
    void hub.drain();
    await expect(client.request(5)).rejects.toMatchObject({
      code: "UNAVAILABLE",
      reason: "DRAINING",
      execution: "NOT_STARTED",
    });
    await hub.close();
    await running;
  });

  it("reports that no hub answers, and that nothing ran", async () => {
    const clock = new ManualClock();
    const client = new Client("127.0.0.1:1", { clock, connectTimeoutMs: 3000 });
    onTestFinished(() => client.close());
    const request = expect(client.request(1)).rejects.toMatchObject({
      code: "UNAVAILABLE",
      reason: "NOT_CONNECTED",
      execution: "NOT_STARTED",
      message: expect.stringContaining("no hub answers at 127.0.0.1:1"),
    });
    await clock.advance(3000);
    await request;
    expect(clock.pending).toBe(0);
  });

  it("has sent nothing to a hub that drains before it sends its settings", async () => {
    const server = new Server();
    const { multiplex } = rawService(HubService);
    const calls: Buffer[] = [];
    server.addService(
      { multiplex },
      {
        multiplex: (stream: ServerDuplexStream<Buffer, Buffer>) => {
          stream.on("data", (call: Buffer) => calls.push(call));
          stream.on("error", () => {});
          const drain = { id: 0, item: { case: "drain", value: {} } } as const;
          for (const message of encodeHubItems([drain])) stream.write(message);
        },
      },
    );
    const client = startClient(await listen(server), { connectTimeoutMs: 100 });
    await expect(client.request(1, { idempotent: true })).rejects.toMatchObject({
      code: "UNAVAILABLE",
      reason: "CONNECTION_LOST",
      execution: "NOT_STARTED",
    });
    expect(calls).toEqual([]);
  });

  it("reports a server that is not a hub", async () => {
    const address = await listen(new Server());
    await expect(startClient(address).request(1)).rejects.toMatchObject({
      code: "UNIMPLEMENTED",
      reason: "NOT_A_HUB",
    });
  });

  it("reports a broken connection, and that the work may have run", async () => {
    const hub = await startHub();
    const client = startClient(hub);
    const worker = new RawWorker(hub.address);
    worker.send(hello(), ready);
    const request = expect(client.request(1)).rejects.toMatchObject({
      code: "CANCELLED",
      reason: "CLIENT_CLOSED",
      execution: "UNKNOWN",
    });
    const { jobId } = await worker.hear("job");
    client.close();
    await request;
    expect(await worker.hear("cancel")).toMatchObject({ jobId });
    worker.send({ case: "nack", value: { jobId, execution: 2 } });
    await expect(client.request(2)).rejects.toMatchObject({ reason: "CLIENT_CLOSED" });
  });

  it("gives up by its own clock when the hub does not respond at all", async () => {
    const clock = new ManualClock();
    const hub = await startHub();
    const worker = new RawWorker(hub.address);
    worker.send(hello(), ready);
    const client = new Client(hub.address, { clock });
    onTestFinished(() => client.close());
    const request = expect(client.request(1, { timeoutMs: 60_000 })).rejects.toMatchObject({
      code: "DEADLINE_EXCEEDED",
      reason: "NO_ANSWER",
      execution: "UNKNOWN",
    });
    const { jobId } = await worker.hear("job");
    await clock.advance(61_000);
    await request;
    await worker.hear("cancel");
    worker.send({ case: "nack", value: { jobId, execution: 2 } });
  });

  it("gets the hub's own status at a deadline", async () => {
    const hub = await startHub();
    await expect(startClient(hub).request(1, { timeoutMs: 200 })).rejects.toMatchObject({
      code: "DEADLINE_EXCEEDED",
      reason: "DEADLINE_QUEUED",
      execution: "NOT_STARTED",
    });
  });

  it("refuses what cannot be sent before sending anything", async () => {
    const client = startClient("127.0.0.1:1");
    await expect(client.request({ a: [1n] })).rejects.toThrow(/bigint at a\[0\]/);
    await expect(client.request(1, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "CANCELLED",
      execution: "NOT_STARTED",
    });
    const waiting = expect(client.request(1)).rejects.toMatchObject({
      reason: "CLIENT_CLOSED",
      execution: "NOT_STARTED",
    });
    client.close();
    await waiting;
    expect(() => new Client("not an address")).toThrow(/is not an address/);
    const options = { hub: "127.0.0.1:5019" } as unknown as string;
    expect(() => new Client(options)).toThrow(/must be a string, such as .*, not object/);
  });

  it("keeps a thousand callers apart", async () => {
    const hub = await startHub();
    await startWorker(hub, (x: number) => x + 0.5, { slots: 16 });
    const client = startClient(hub);
    const inputs = Array.from({ length: 1000 }, (_, index) => index);
    const answers = await Promise.all(inputs.map((x) => client.request<number>(x)));
    expect(answers).toEqual(inputs.map((x) => x + 0.5));
  });
});
