import { describe, expect, it, onTestFinished, vi } from "vitest";
import { deferred } from "../../src/base/deferred.js";
import { GibbsError } from "../../src/base/errors/error.js";
import { Hub } from "../../src/hub/hub.js";
import type { JobContext } from "../../src/worker/handler.js";
import { Worker } from "../../src/worker/worker.js";
import { ManualClock } from "../support/manual-clock.js";
import { startClient, startHub, startWorker } from "../support/running.js";
import { until } from "../support/until.js";

describe("handlers", () => {
  it("may be sync, async, a class with arguments, or several by method", async () => {
    class Scaler {
      constructor(readonly factor: number) {}
      call(x: number): number {
        return x * this.factor;
      }
    }
    const hub = await startHub();
    await startWorker(hub, (x: number) => x + 1, { method: "sync" });
    await startWorker(hub, async (x: number) => x + 2, { method: "async" });
    await startWorker(hub, Scaler, { method: "class", args: [10] });
    await startWorker(hub, {
      upper: (s: string) => s.toUpperCase(),
      lower: (s: string) => s.toLowerCase(),
    });
    const client = startClient(hub);
    const ask = (input: unknown, method: string) => client.request(input, { method });
    expect(
      await Promise.all([
        ask(1, "sync"),
        ask(1, "async"),
        ask(1, "class"),
        ask("aB", "upper"),
        ask("aB", "lower"),
      ]),
    ).toEqual([2, 3, 10, "AB", "ab"]);
  });

  it("carry bytes in and out", async () => {
    const hub = await startHub();
    await startWorker(hub, (x: Uint8Array) => x.map((byte) => byte + 1));
    expect(await startClient(hub).request(new Uint8Array([1, 2]))).toStrictEqual(
      new Uint8Array([2, 3]),
    );
  });

  it("receive the attempt, the request id, the metadata and the time left", async () => {
    const hub = await startHub({ forwardMetadata: ["x-tenant", "x-key-bin"] });
    await startWorker(
      hub,
      (_: unknown, { attempt, requestId, metadata, timeoutMs }: JobContext) => ({
        attempt,
        requestId,
        tenant: metadata["x-tenant"] ?? null,
        key: [...(metadata["x-key-bin"] as Uint8Array)],
        inTime: (timeoutMs ?? 0) > 0 && (timeoutMs ?? 0) <= 30_000,
      }),
    );
    const told = await startClient(hub).request(null, {
      requestId: "r7",
      timeoutMs: 30_000,
      metadata: { "x-tenant": "acme", "x-key-bin": new Uint8Array([1, 255]), "x-other": "no" },
    });
    expect(told).toEqual({
      attempt: 1,
      requestId: "r7",
      tenant: "acme",
      key: [1, 255],
      inTime: true,
    });
  });

  it("learn over the wire that their answer is no longer wanted", async () => {
    const hub = await startHub();
    let fired: (reason: unknown) => void = () => {};
    const cancelled = new Promise((resolve) => {
      fired = resolve;
    });
    let begun: () => void = () => {};
    const running = new Promise<void>((resolve) => {
      begun = resolve;
    });
    await startWorker(hub, (_: unknown, { signal }: JobContext) => {
      signal.addEventListener("abort", () => fired(signal.reason));
      begun();
      return cancelled;
    });
    const abort = new AbortController();
    const request = startClient(hub).request(1, { signal: abort.signal });
    await running;
    abort.abort();
    await expect(request).rejects.toMatchObject({ code: "CANCELLED" });
    expect(await cancelled).toMatchObject({ message: "CLIENT_CANCELLED" });
  });

  it.each([
    [
      new RangeError("too far"),
      { code: "UNKNOWN", reason: "HANDLER_ERROR", remoteType: "RangeError", message: "too far" },
    ],
    ["a string", { reason: "HANDLER_ERROR", remoteType: "string", message: "a string" }],
    [undefined, { reason: "HANDLER_ERROR", message: "undefined" }],
    [Object.assign(new Error(), { message: { code: 42 } }), { message: "[object Object]" }],
    [Object.create(null), { reason: "HANDLER_ERROR", message: "a value that cannot be shown" }],
    [
      new GibbsError("NOT_FOUND", "no such page"),
      { code: "NOT_FOUND", reason: "DECLARED", message: "no such page" },
    ],
    [
      Object.assign(new Error("by number"), { name: "GibbsError", code: 5 }),
      { code: "NOT_FOUND", reason: "DECLARED" },
    ],
    [
      Object.assign(new Error("OK is no error"), { name: "GibbsError", code: 0 }),
      { code: "UNKNOWN", reason: "HANDLER_ERROR" },
    ],
    [
      Object.assign(new Error("?"), { name: "GibbsError", code: "toString" }),
      { code: "UNKNOWN", reason: "HANDLER_ERROR" },
    ],
    [
      Object.assign(new Error("?"), { name: "GibbsError", code: "NOPE" }),
      { code: "UNKNOWN", reason: "HANDLER_ERROR" },
    ],
    [new Error(`\ud800${"x".repeat(1_000_000)}`), { code: "UNKNOWN", reason: "HANDLER_ERROR" }],
  ])("may throw %s", async (thrown, expected) => {
    const hub = await startHub();
    await startWorker(hub, () => {
      throw thrown;
    });
    const client = startClient(hub);
    await expect(client.request(1)).rejects.toMatchObject({ execution: "FINISHED", ...expected });
    await expect(client.request(2), "the slot is back").rejects.toMatchObject({ attempts: 1 });
  });

  it("may say when to retry, and attach details", async () => {
    const hub = await startHub();
    const details = [{ typeUrl: "type.googleapis.com/my.Reason", value: new Uint8Array([1, 2]) }];
    await startWorker(hub, () => {
      throw new GibbsError("RESOURCE_EXHAUSTED", "no GPU", { retryAfterMs: 1500, details });
    });
    for (const caller of [startClient(hub), hub]) {
      await expect(caller.request(1)).rejects.toMatchObject({
        code: "RESOURCE_EXHAUSTED",
        reason: "DECLARED",
        retryAfterMs: 1500,
        details,
      });
    }
  });

  it("may throw a value that throws when inspected", async () => {
    const hub = await startHub();
    await startWorker(hub, () => {
      throw Object.defineProperty(new Error(), "name", {
        get: () => {
          throw new Error("no name");
        },
      });
    });
    await expect(hub.request(1)).rejects.toMatchObject({
      reason: "HANDLER_ERROR",
      message: "the handler threw a value that cannot be shown",
    });
  });

  it("send their stack only if allowed to", async () => {
    const hub = await startHub();
    const throwing = () => {
      throw new Error("here");
    };
    await startWorker(hub, throwing, { method: "open", sendStacks: true });
    await startWorker(hub, throwing, { method: "closed" });
    const client = startClient(hub);
    await expect(client.request(1, { method: "open" })).rejects.toMatchObject({
      remoteStack: expect.stringContaining("worker.test.ts"),
    });
    await expect(client.request(1, { method: "closed" })).rejects.toMatchObject({
      remoteStack: undefined,
    });
  });

  it("cannot answer with data that no decoder accepts", async () => {
    const hub = await startHub();
    const nested = (levels: number): unknown => JSON.parse("[".repeat(levels) + "]".repeat(levels));
    await startWorker(hub, nested);
    for (const caller of [startClient(hub), hub]) {
      expect(await caller.request(48)).toEqual(nested(48));
      await expect(caller.request(49)).rejects.toMatchObject({
        reason: "HANDLER_ERROR",
        remoteType: "TypeError",
        message: expect.stringContaining("more than 48 levels"),
      });
    }
  });

  it("cannot answer with data that cannot be sent or is too large", async () => {
    const hub = await startHub();
    await startWorker(hub, (x: string) => (x === "big" ? "x".repeat(2000) : { at: [Number.NaN] }), {
      maxPayloadBytes: 1000,
    });
    const client = startClient(hub);
    await expect(client.request("odd")).rejects.toMatchObject({
      reason: "HANDLER_ERROR",
      remoteType: "TypeError",
      message: expect.stringContaining("NaN at at[0]"),
    });
    await expect(client.request("big")).rejects.toMatchObject({
      code: "RESOURCE_EXHAUSTED",
      reason: "RESULT_TOO_LARGE",
      execution: "FINISHED",
    });
  });

  it.each([
    [class NoCall {}, /no method call/],
    [42, /is not a handler/],
    [null, /is not a handler/],
    [{}, /is not a handler/],
  ])("must be handlers, which %s is not", (handlers, message) => {
    expect(() => new Worker(handlers as never)).toThrow(message);
  });
});

describe("a worker", () => {
  it("runs several jobs at once when it has several slots", async () => {
    const hub = await startHub();
    const open: (() => void)[] = [];
    await startWorker(hub, () => new Promise<void>((resolve) => void open.push(resolve)), {
      slots: 3,
    });
    const requests = [1, 2, 3].map((x) => hub.request(x));
    await until(() => open.length === 3);
    for (const resolve of open) resolve();
    expect(await Promise.all(requests)).toEqual([null, null, null]);
  });

  it("reconnects by itself when its hub is replaced by another", async () => {
    const first = await startHub();
    const worker = new Worker((x: number) => x * 2, { hub: first.address, handleSignals: false });
    const ended = worker.run();
    await worker.connected;
    await first.close();
    const second = await startHub({ listen: first.address });
    expect(await startClient(second).request(21)).toBe(42);
    await worker.drain();
    await ended;
  });

  it("finishes running jobs when drained, and then ends", async () => {
    const hub = await startHub();
    let finish: (value: string) => void = () => {};
    let begin: () => void = () => {};
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const worker = await startWorker(hub, () => {
      begin();
      return new Promise((resolve) => {
        finish = resolve;
      });
    });
    const request = hub.request(1);
    await begun;
    const drained = worker.drain();
    finish("finished");
    expect(await request).toBe("finished");
    await drained;
  });

  it("cancels running jobs when its drain takes too long", async () => {
    const hub = await startHub();
    const clock = new ManualClock();
    const begun = deferred();
    const worker = await startWorker(
      hub,
      () => {
        begun.resolve();
        return new Promise(() => {});
      },
      { clock, drainTimeoutMs: 2000 },
    );
    const request = expect(hub.request(1)).rejects.toMatchObject({ reason: "WORKER_LOST" });
    await begun.promise;
    const drained = worker.drain();
    await clock.advance(2000);
    await drained;
    await request;
    expect(clock.pending, "no timer is left").toBe(0);
  });

  it("can be drained without a hub, and before it runs", async () => {
    const worker = new Worker((x: unknown) => x, { hub: "127.0.0.1:1", handleSignals: false });
    const ended = worker.run();
    await worker.drain();
    await ended;
    const never = new Worker((x: unknown) => x, { handleSignals: false });
    await never.drain();
    await expect(never.connected).rejects.toMatchObject({ reason: "STOPPED" });
    await never.run();
  });

  it("reports that it never connected if it ends before that", async () => {
    const worker = new Worker((x: unknown) => x, { hub: "127.0.0.1:1", handleSignals: false });
    const ended = worker.run();
    const connected = expect(worker.connected).rejects.toMatchObject({ reason: "STOPPED" });
    await worker.drain();
    await ended;
    await connected;
  });

  it("fails a result that its hub would not accept, and keeps its stream", async () => {
    const hub = await startHub({ maxPayloadBytes: 10_000 });
    await startWorker(hub, (bytes: number) => "x".repeat(bytes));
    await expect(hub.request(1_000_000)).rejects.toMatchObject({ reason: "RESULT_TOO_LARGE" });
    expect(await hub.request(3)).toBe("xxx");
  });

  it("replaces what UTF-8 cannot encode in names and errors, and refuses it in methods", async () => {
    const hub = await startHub();
    const odd = "cut \ud83d in half";
    const readable = "cut \ufffd in half";
    const handlers = {
      echo: (x: unknown) => x,
      throws: () => {
        throw Object.assign(new Error(odd), { name: odd });
      },
      declares: () => {
        const details = [{ typeUrl: odd, value: new Uint8Array() }];
        throw new GibbsError("NOT_FOUND", odd, { details });
      },
    };
    const options = {
      workerId: odd,
      name: odd,
      version: odd,
      labels: { [odd]: odd },
      sendStacks: true,
    };
    await startWorker(hub, handlers, options);
    const client = startClient(hub);
    await expect(client.request(1, { method: "throws" })).rejects.toMatchObject({
      reason: "HANDLER_ERROR",
      message: readable,
      remoteType: readable,
    });
    await expect(client.request(1, { method: "declares" })).rejects.toMatchObject({
      reason: "DECLARED",
      message: readable,
      details: [{ typeUrl: readable }],
    });
    expect(await client.requestWithInfo(1, { method: "echo" })).toMatchObject({
      output: 1,
      workerId: readable,
    });
    for (const [served, method] of [
      [handlers.echo, odd],
      [{ [odd]: handlers.echo }, ""],
    ] as const) {
      expect(() => new Worker(served, { hub: hub.address, method })).toThrow(
        expect.objectContaining({ reason: "BAD_OPTION" }),
      );
    }
  });

  it("stops permanently where no hub understands it", async () => {
    const hub = await startHub();
    // The hub refuses this worker, because names may have at most 256 characters.
    const worker = new Worker((x: unknown) => x, {
      hub: hub.address,
      workerId: "w".repeat(300),
      handleSignals: false,
    });
    await expect(worker.run()).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      reason: "PROTOCOL_VIOLATION",
      message: expect.stringContaining("the hub refused this worker"),
    });
  });

  it("may be one of many in a program without a leak warning from Node", async () => {
    const hub = await startHub();
    const warned = vi.spyOn(process, "emitWarning");
    onTestFinished(() => warned.mockRestore());
    await Promise.all(
      Array.from({ length: 15 }, () => startWorker(hub, (x: number) => x, { handleSignals: true })),
    );
    const { signal } = new AbortController();
    const client = startClient(hub);
    await Promise.all(Array.from({ length: 30 }, (_, x) => client.request(x, { signal })));
    await Promise.all(Array.from({ length: 30 }, (_, x) => hub.request(x, { signal })));
    expect(warned.mock.calls).toEqual([]);
    expect(process.listenerCount("SIGTERM")).toBeLessThan(5);
  });

  it("refuses a malformed address immediately", () => {
    expect(() => new Worker((x: unknown) => x, { hub: "nonsense" })).toThrow(/is not an address/);
  });
});

it("a hub that was never started has nothing to close", async () => {
  const hub = new Hub();
  const waiting = expect(hub.request(1)).rejects.toMatchObject({ reason: "DRAINING" });
  await hub.drain();
  await waiting;
});
