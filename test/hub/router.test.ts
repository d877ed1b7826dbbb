import { once } from "node:events";
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { streamHandler } from "../../src/hub/gate.js";
import { Router } from "../../src/hub/router.js";
import type { CallHandler, ServerCall } from "../../src/hub/transport/server-call.js";
import { definition } from "../../src/wire/grpc/definition.js";
import { HealthService } from "../../src/wire/grpc/health.js";
import { ReflectionService, ReflectionServiceV1Alpha } from "../../src/wire/grpc/reflection.js";
import { ManualClock } from "../support/manual-clock.js";
import { connectHttp2, endOf, frame, openCall, post } from "../support/raw-http2.js";
import { startHub } from "../support/running.js";
import { until } from "../support/until.js";

const nothing = Buffer.alloc(0);

/** Serves a router alone; returns its address. */
async function serve(router: Router): Promise<string> {
  const server = createServer();
  onTestFinished(() => void server.close());
  server.on("stream", streamHandler(router, 1000));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("a router", () => {
  it("gains routes while it runs", async () => {
    const calls: ServerCall[] = [];
    const keep: CallHandler = (call) => {
      calls.push(call);
      return { onMessage() {}, onHalfClose() {}, onClose() {} };
    };
    const router = new Router();
    const session = connectHttp2(await serve(router));
    const unknown = { status: { code: "UNIMPLEMENTED" } };
    expect(await post(session, "/a.A/A", nothing)).toMatchObject(unknown);
    router.add("/a.A/A", keep);
    expect(() => router.add("/a.A/A", keep)).toThrow("/a.A/A has a handler already");
    const end = endOf(openCall(session, "/a.A/A"));
    await until(() => calls.length === 1);
    expect(calls[0]).toMatchObject({ path: "/a.A/A", identity: { kind: "anonymous" } });
    calls[0]?.end();
    expect(await end).toMatchObject({ status: "OK" });
  });

  it("serves only gRPC's content types", async () => {
    const router = new Router();
    router.add("/a.A/A", (call) => {
      call.end();
      return { onMessage() {}, onHalfClose() {}, onClose() {} };
    });
    const session = connectHttp2(await serve(router));
    for (const [contentType, status] of [
      ["application/grpc", 200],
      ["application/grpc+json", 200],
      ["text/html", 415],
      ["", 415],
    ] as const) {
      const stream = openCall(session, "/a.A/A", { "content-type": contentType });
      stream.end();
      const [headers] = await once(stream, "response");
      expect(headers, contentType).toMatchObject({ ":status": status });
    }
    const web = await post(session, "/a.A/A", nothing, { "content-type": "application/grpc-web" });
    expect(web.status).toMatchObject({ code: "UNIMPLEMENTED" });
  });
});

describe("what the hub answers itself", () => {
  const { check, watch } = definition(HealthService);
  const v1 = definition(ReflectionService).serverReflectionInfo;
  const v1Alpha = definition(ReflectionServiceV1Alpha).serverReflectionInfo;
  const question = frame(
    v1.requestSerialize({ messageRequest: { case: "listServices", value: "" } }),
  );
  const malformed = frame(Buffer.from([0x0a, 0x7f, 1]));

  it("refuses anything but one request, and requests that cannot be read", async () => {
    const hub = await startHub();
    const session = connectHttp2(hub.address);
    const one = frame(check.requestSerialize({}));
    for (const { path } of [check, watch]) {
      for (const body of [nothing, Buffer.concat([one, one]), one.subarray(0, -1)]) {
        expect((await post(session, path, body)).status).toMatchObject({ code: "UNIMPLEMENTED" });
      }
      expect((await post(session, path, malformed)).status).toMatchObject({ code: "INTERNAL" });
    }
    for (const { path } of [v1, v1Alpha]) {
      expect((await post(session, path, nothing)).status).toBe("OK");
      const body = Buffer.concat([question, malformed]);
      expect((await post(session, path, body)).status).toMatchObject({ code: "INTERNAL" });
    }
    const bad = await post(session, check.path, one, { "grpc-timeout": "soon" });
    expect(bad.status).toMatchObject({ code: "INTERNAL" });
  });

  it("ends at its deadline", async () => {
    const clock = new ManualClock();
    const hub = await startHub({ clock });
    const session = connectHttp2(hub.address);
    const late = { status: { code: "DEADLINE_EXCEEDED" } };
    const headers = { "grpc-timeout": "5S" };
    const watching = openCall(session, watch.path, headers);
    watching.end(frame(watch.requestSerialize({ service: "nope" })));
    const asking = openCall(session, v1.path, headers);
    asking.write(question);
    const ends = Promise.all([endOf(watching), endOf(asking)]);
    await Promise.all([once(watching, "response"), once(asking, "response")]);
    await clock.advance(5000);
    expect(await ends).toMatchObject([late, late]);
  });

  it("is read no further while its caller does not read", async () => {
    const hub = await startHub();
    const session = connectHttp2(hub.address);
    const stream = openCall(session, v1.path);
    const file = { case: "fileByFilename", value: "gibbs/v1/hub.proto" } as const;
    const body = frame(v1.requestSerialize({ host: "h".repeat(20_000), messageRequest: file }));
    for (let question = 0; question < 400; question += 1) stream.write(body);
    await once(stream, "response");
    for (let turn = 0; turn < 20; turn += 1) {
      await new Promise((resolve) => session.ping(resolve));
    }
    expect(stream.writableLength).toBeGreaterThan(5_000_000);
    stream.resume();
    stream.end();
    expect(await endOf(stream)).toMatchObject({ status: "OK" });
  });
});
