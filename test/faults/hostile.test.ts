import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import {
  deepValue,
  endlessHeaders,
  field,
  headerBomb,
  malformed,
} from "../support/hostile-bytes.js";
import { memoryOf } from "../support/process-memory.js";
import { callRaw, encodeRequest } from "../support/raw-call.js";
import {
  connectHttp2,
  endOf,
  frame,
  openCall,
  paths,
  post,
  preface,
  refusalOf,
} from "../support/raw-http2.js";
import { answer, hello, RawWorker, ready } from "../support/raw-worker.js";
import { hubProcess, startClient, startHub, startWorker } from "../support/running.js";
import { startWitness } from "../support/witness.js";

// Input that no library would send: the call or stream that sent it ends, and nothing else is
// affected.

const KiB = 1024;
const MiB = 1024 * KiB;
const bothPaths = [paths.request, paths.work];
const badRequest = { code: "INVALID_ARGUMENT", reason: "MALFORMED", execution: "NOT_STARTED" };
const violation = { code: "INVALID_ARGUMENT", reason: "PROTOCOL_VIOLATION" };

it("X1 malformed protobuf: MALFORMED for the caller, PROTOCOL_VIOLATION for the worker", async () => {
  const hub = await hubProcess();
  const witness = await startWitness(hub.address);
  const session = connectHttp2(hub.address);
  for (const [wrong, bytes] of Object.entries(malformed)) {
    const asCaller = await post(session, paths.request, frame(bytes));
    expect(asCaller.status, wrong).toMatchObject(badRequest);
    const asWorker = openCall(session, paths.work);
    asWorker.write(frame(bytes));
    expect((await endOf(asWorker)).status, wrong).toMatchObject(violation);
  }
  for (const path of bothPaths) {
    const cut = await post(session, path, frame(Buffer.from([0]), { length: 100 }));
    expect(cut.status, "a message that is cut short").not.toBe("OK");
  }
  await witness.undisturbed();
});

it("X2 10,000 levels of nesting: passed on unread, MALFORMED where it is decoded", async () => {
  const hub = await startHub();
  const witness = await startWitness(hub);
  await startWorker(hub, (x: unknown) => x, { method: "echo" });
  const deep = field(1, deepValue(10_000));
  const asked = Buffer.concat([encodeRequest(null, "echo"), deep]);
  expect(await callRaw(hub.address, asked)).toMatchObject(badRequest);

  const worker = new RawWorker(hub.address);
  worker.send(hello(), { case: "ready", value: { slots: 2 } });
  const inProcess = expect(hub.request(1)).rejects.toMatchObject({
    code: "INTERNAL",
    reason: "RESULT_MALFORMED",
    execution: "FINISHED",
  });
  const remote = expect(startClient(hub).request(1)).rejects.toMatchObject({ code: "INTERNAL" });
  for (let jobs = 0; jobs < 2; jobs += 1) {
    const { jobId } = await worker.hear("job");
    worker.send({ case: "result", value: { jobId, outcome: { case: "payload", value: deep } } });
  }
  await Promise.all([inProcess, remote]);
  expect(await hub.request("fine", { method: "echo" })).toBe("fine");
  await witness.undisturbed();
});

it("X3 gzip bombs: RESOURCE_EXHAUSTED before they are unpacked", async () => {
  const hub = await hubProcess();
  const witness = await startWitness(hub.address);
  const session = connectHttp2(hub.address);
  // 300 KiB of gzip members that each unpack to 1 MiB.
  const bomb = Buffer.concat(Array(300).fill(gzipSync(Buffer.alloc(MiB))));
  const body = frame(bomb, { compressed: true });
  const bombs = Array.from({ length: 10 }, () => bothPaths).flat();
  const ends = await Promise.all(
    bombs.map((path) => post(session, path, body, { "grpc-encoding": "gzip" })),
  );
  for (const { status } of ends) expect(status).toMatchObject({ code: "RESOURCE_EXHAUSTED" });
  const unpacked = bombs.length * 300 * MiB;
  expect(memoryOf(hub)?.most ?? 0).toBeLessThan(unpacked / 10);
  await witness.undisturbed();
});

it("X4 a length prefix of 4 GiB: RESOURCE_EXHAUSTED at once, and nothing is set aside", async () => {
  const hub = await hubProcess();
  const witness = await startWitness(hub.address);
  const session = connectHttp2(hub.address);
  for (const path of bothPaths) {
    const stream = openCall(session, path);
    stream.write(frame(Buffer.alloc(10), { length: 0xffff_ffff }));
    expect((await endOf(stream)).status).toMatchObject({ code: "RESOURCE_EXHAUSTED" });
  }
  expect(memoryOf(hub)?.most ?? 0).toBeLessThan(500 * MiB);
  await witness.undisturbed();
});

it("X5 header bombs: reset or closed before they are unpacked", async () => {
  const hub = await hubProcess();
  const witness = await startWitness(hub.address);
  const body = frame(encodeRequest(1));
  const many = Array.from({ length: 10_000 }, (_, index) => [`x-${index}`, "y"]);
  for (const headers of [{ "x-large": "x".repeat(MiB) }, Object.fromEntries(many)]) {
    const session = connectHttp2(hub.address, { maxSendHeaderBlockLength: 2 * MiB });
    const { status, resetCode } = await post(session, paths.request, body, headers);
    expect(status).toBeUndefined();
    expect(resetCode).toBeGreaterThan(0);
  }
  for (const headers of [headerBomb(), endlessHeaders()]) {
    const refusal = await refusalOf(hub.address, Buffer.concat([preface, headers]));
    expect(refusal).toMatch(/RST_STREAM|GOAWAY|closed/);
  }
  expect(memoryOf(hub)?.most ?? 0).toBeLessThan(500 * MiB);
  await witness.undisturbed();
});

it("X6 __proto__ as method, worker id and label: names like any other", async () => {
  const hub = await startHub();
  const witness = await startWitness(hub);
  const client = startClient(hub);
  for (const name of ["__proto__", "constructor", "toString"]) {
    const worker = new RawWorker(hub.address);
    const labels = JSON.parse(`{"${name}": "${name}"}`);
    worker.send(hello({ workerId: name, methods: [{ name }], labels }), ready);
    const asked = client.requestWithInfo(name, { method: name, requestId: name });
    const { jobId, method, requestId } = await worker.hear("job");
    expect({ method, requestId }).toEqual({ method: name, requestId: name });
    worker.send(answer(jobId, [name]));
    expect(await asked).toMatchObject({ output: [name], workerId: name, attempts: 1 });

    worker.cancel();
    await startWorker(hub, (x: unknown) => [x, x], { method: name, workerId: name });
    expect(await client.request(name, { method: name })).toEqual([name, name]);
  }
  expect(Object.keys(Object.prototype)).toEqual([]);
  await witness.undisturbed();
});
