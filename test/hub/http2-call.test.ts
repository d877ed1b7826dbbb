import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type ClientHttp2Session, constants, createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import { Http2Call } from "../../src/hub/transport/http2-call.js";
import { ANONYMOUS } from "../../src/hub/transport/identity.js";
import { decodePayload } from "../../src/wire/payload/payload.js";
import { ManualClock } from "../support/manual-clock.js";
import { encodeRequest } from "../support/raw-call.js";
import { connectHttp2, endOf, frame, openCall, paths, post } from "../support/raw-http2.js";
import { answer, hello, RawWorker, ready } from "../support/raw-worker.js";
import { startHub, startWorker } from "../support/running.js";
import { until } from "../support/until.js";

// What a gRPC library of any language may send to `HubService.Request`, and what none would.

const noRequest = { code: "INVALID_ARGUMENT", reason: "MALFORMED", execution: "NOT_STARTED" };

/** Resolves when the hub has read everything sent so far. */
function arrived(session: ClientHttp2Session): Promise<void> {
  return new Promise((resolve) => session.ping(() => resolve()));
}

async function serve(): Promise<{ address: string; seen: unknown[] }> {
  const hub = await startHub();
  const seen: unknown[] = [];
  await startWorker(hub, (x: unknown) => seen.push(x));
  return { address: hub.address, seen };
}

describe("a call on its HTTP/2 stream", () => {
  it("reads compressed messages while later ones wait behind them", async () => {
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

  it("requires exactly one message", async () => {
    const { address, seen } = await serve();
    const session = connectHttp2(address);
    const one = frame(encodeRequest(1));
    for (const body of [Buffer.alloc(0), Buffer.concat([one, one]), one.subarray(0, -1)]) {
      expect((await post(session, paths.request, body)).status).toMatchObject(noRequest);
    }
    expect((await post(session, paths.request, one)).status).toBe("OK");
    expect(seen).toEqual([1]);
  });

  it("refuses an invalid grpc-timeout", async () => {
    const { address, seen } = await serve();
    const session = connectHttp2(address);
    for (const timeout of ["", "1", "m", "-1m", "1d", "123456789m"]) {
      const headers = { "grpc-timeout": timeout };
      const { status } = await post(session, paths.request, frame(encodeRequest(1)), headers);
      expect(status, timeout).toMatchObject(noRequest);
    }
    expect(seen).toEqual([]);
  });

  it("ends at its deadline, even while its message is still arriving", async () => {
    const clock = new ManualClock();
    const hub = await startHub({ clock, defaultTimeoutMs: 60_000, livenessTimeoutMs: 3_600_000 });
    const session = connectHttp2(hub.address);
    const ends: unknown[] = [];
    const whole = frame(encodeRequest(1));
    const waiting = clock.pending;
    for (const timeout of [{}, { "grpc-timeout": "9S" }]) {
      for (const sent of [Buffer.alloc(0), whole.subarray(0, 3), whole.subarray(0, -1), whole]) {
        const stream = openCall(session, paths.request, timeout);
        void endOf(stream).then(({ status }) => ends.push(status));
        stream.write(sent);
      }
    }
    const late = { code: "DEADLINE_EXCEEDED", reason: "DEADLINE_QUEUED", execution: "NOT_STARTED" };
    // One timer for each call, and one for a peer that says nothing at all.
    await until(() => clock.pending >= waiting + 9);
    await clock.advance(9000);
    await until(() => ends.length === 4);
    await clock.advance(51_000);
    await until(() => ends.length === 8);
    expect(ends).toMatchObject(Array(8).fill(late));
  });

  it("is refused if it is not gRPC, or not served", async () => {
    const { address } = await serve();
    const session = connectHttp2(address);
    const page = openCall(session, paths.request, { "content-type": "text/html" });
    const answered = new Promise((resolve) => page.once("response", resolve));
    page.end();
    expect(await answered).toMatchObject({ ":status": 415 });
    const unknown = await post(session, "/gibbs.v1.HubService/Unknown", frame(Buffer.alloc(0)));
    expect(unknown.status).toMatchObject({ code: "UNIMPLEMENTED" });
  });

  it.each([constants.NGHTTP2_NO_ERROR, constants.NGHTTP2_CANCEL])(
    "runs nothing for a caller who left while its message was unpacked, or cancels it (%s)",
    async (code) => {
      const hub = await startHub();
      const worker = new RawWorker(hub.address);
      worker.send(hello(), ready);
      const session = connectHttp2(hub.address);
      const packed = gzipSync(encodeRequest(randomBytes(500_000).toString("hex")));
      const stream = openCall(session, paths.request, { "grpc-encoding": "gzip" });
      stream.end(frame(packed, { compressed: true }));
      await once(stream, "finish");
      await arrived(session);
      stream.close(code);
      // This one takes longer to unpack.
      const later = gzipSync(encodeRequest(`later${randomBytes(1_500_000).toString("hex")}`));
      const next = post(session, paths.request, frame(later, { compressed: true }), {
        "grpc-encoding": "gzip",
      });
      let { jobId, payload } = await worker.hear("job");
      if (payload.length < 2_000_000) {
        await worker.hear("cancel");
        worker.send(answer(jobId, null), { case: "ready", value: { slots: 1 } });
        ({ jobId, payload } = await worker.hear("job"));
      }
      expect(decodePayload(payload)).toMatch(/^later/);
      worker.send(answer(jobId, 1));
      expect((await next).status).toBe("OK");
    },
  );

  it("closes when it is reset without an error while much is still unwritten", async () => {
    const server = createServer();
    onTestFinished(() => void server.close());
    const closed = new Promise<void>((onClose) => {
      server.on("stream", (stream, headers) => {
        const call = new Http2Call(stream, headers, ANONYMOUS, 1000, () => ({
          onMessage() {},
          onHalfClose() {},
          onClose,
        }));
        call.write(Buffer.alloc(400_000));
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    // Its client does not read.
    const session = connectHttp2(`127.0.0.1:${port}`);
    const stream = openCall(session, paths.request);
    await once(stream, "response");
    await arrived(session);
    stream.write("abc");
    stream.close(constants.NGHTTP2_NO_ERROR);
    await closed;
  });
});
