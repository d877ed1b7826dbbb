import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { ManualClock } from "../support/manual-clock.js";
import { encodeRequest } from "../support/raw-call.js";
import { connectHttp2, endOf, frame, openCall, paths, post } from "../support/raw-http2.js";
import { startHub, startWorker } from "../support/running.js";
import { until } from "../support/until.js";

// What a gRPC library of any language may send to `HubService.Request`, and what none would.

const noRequest = { code: "INVALID_ARGUMENT", reason: "MALFORMED", execution: "NOT_STARTED" };

async function serve(): Promise<{ address: string; seen: unknown[] }> {
  const hub = await startHub();
  const seen: unknown[] = [];
  await startWorker(hub, (x: unknown) => seen.push(x));
  return { address: hub.address, seen };
}

describe("a call on its HTTP/2 stream", () => {
  it("reads compressed messages, behind which others wait", async () => {
    const { address, seen } = await serve();
    const body = frame(gzipSync(encodeRequest("small once packed ".repeat(1000))), {
      compressed: true,
    });
    const session = connectHttp2(address);
    const packed = await post(session, paths.request, body, { "grpc-encoding": "gzip" });
    expect(packed.status).toBe("OK");
    expect(seen).toEqual(["small once packed ".repeat(1000)]);
    const twice = Buffer.concat([body, body]);
    const headers = { "grpc-encoding": "gzip" };
    expect((await post(session, paths.request, twice, headers)).status).toMatchObject(noRequest);
  });

  it("says what it cannot unpack", async () => {
    const { address } = await serve();
    const session = connectHttp2(address);
    for (const [encoding, code] of [
      ["constructor", "UNIMPLEMENTED"],
      ["gzip", "INTERNAL"],
    ]) {
      const body = frame(encodeRequest(1), { compressed: true });
      const headers = { "grpc-encoding": encoding };
      expect((await post(session, paths.request, body, headers)).status).toMatchObject({ code });
    }
  });

  it("takes one message, neither none nor two", async () => {
    const { address, seen } = await serve();
    const session = connectHttp2(address);
    const one = frame(encodeRequest(1));
    for (const body of [Buffer.alloc(0), Buffer.concat([one, one]), one.subarray(0, -1)]) {
      expect((await post(session, paths.request, body)).status).toMatchObject(noRequest);
    }
    expect((await post(session, paths.request, one)).status).toBe("OK");
    expect(seen).toEqual([1]);
  });

  it("refuses a grpc-timeout that is none", async () => {
    const { address, seen } = await serve();
    const session = connectHttp2(address);
    for (const timeout of ["", "1", "m", "-1m", "1d", "123456789m"]) {
      const headers = { "grpc-timeout": timeout };
      const { status } = await post(session, paths.request, frame(encodeRequest(1)), headers);
      expect(status, timeout).toMatchObject(noRequest);
    }
    expect(seen).toEqual([]);
  });

  it("ends when its time is over, also while its message is on the way", async () => {
    const clock = new ManualClock();
    const hub = await startHub({ clock, defaultTimeoutMs: 60_000, livenessTimeoutMs: 3_600_000 });
    const session = connectHttp2(hub.address);
    const ends: unknown[] = [];
    for (const timeout of [undefined, "9S"]) {
      const stream = openCall(session, paths.request, timeout ? { "grpc-timeout": timeout } : {});
      void endOf(stream).then(({ status }) => ends.push(status));
      stream.write(frame(Buffer.alloc(100), { length: 1000 }));
    }
    const late = { code: "DEADLINE_EXCEEDED", reason: "DEADLINE_QUEUED", execution: "NOT_STARTED" };
    const waiting = clock.pending;
    await until(() => clock.pending >= waiting + 2);
    await clock.advance(9000);
    await until(() => ends.length === 1);
    await clock.advance(51_000);
    await until(() => ends.length === 2);
    expect(ends).toMatchObject([late, late]);
  });

  it("leaves what is not gRPC, and what nobody serves, to grpc-js", async () => {
    const { address } = await serve();
    const session = connectHttp2(address);
    const page = openCall(session, paths.request, { "content-type": "text/html" });
    const answered = new Promise((resolve) => page.once("response", resolve));
    page.end();
    expect(await answered).toMatchObject({ ":status": 415 });
    const unknown = await post(session, "/gibbs.v1.HubService/Unknown", frame(Buffer.alloc(0)));
    expect(unknown.status).toMatchObject({ code: "UNIMPLEMENTED" });
  });
});
