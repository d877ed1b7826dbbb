import fc from "fast-check";
import { expect, it } from "vitest";
import { encodeWorkerEvents } from "../../src/wire/messages/work.js";
import { encodeRequest } from "../support/raw-call.js";
import { connectHttp2, frame, paths, post } from "../support/raw-http2.js";
import { answer, hello, ready } from "../support/raw-worker.js";
import { hubProcess, type Running, startWorker } from "../support/running.js";
import { startWitness } from "../support/witness.js";

const MiB = 1024 * 1024;

/** Valid messages of both services, each with its length prefix. */
const valid: readonly { path: string; bytes: Buffer }[] = [
  encodeRequest({ text: "hello", list: [1, 2, null] }, "echo", { requestId: "r", maxAttempts: 2 }),
  encodeRequest(new Uint8Array(50), "echo", { queueTimeout: { seconds: 1n }, idempotent: true }),
  ...encodeWorkerEvents([
    hello({
      methods: [{ name: "echo" }],
      labels: { key: "value" },
      instanceId: Buffer.alloc(16, 1),
    }),
    ready,
    answer(1, "made up"),
    { case: "nack", value: { jobId: 2, execution: 1 } },
    { case: "heartbeat", value: { pendingBytes: 1000 } },
    { case: "drain", value: { reason: "done" } },
  ]),
].map((message, index) => ({
  path: index < 2 ? paths.request : paths.work,
  bytes: frame(message),
}));

type Mutation = (bytes: Buffer) => Buffer;

/** A position in the bytes, as a fraction of their length. */
const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(place, fc.nat(7)).map(
    ([at, bit]): Mutation =>
      (bytes) => {
        const flipped = Buffer.from(bytes);
        const index = Math.floor(at * bytes.length);
        if (bytes.length > 0) flipped.writeUInt8(flipped.readUInt8(index) ^ (1 << bit), index);
        return flipped;
      },
  ),
  fc.tuple(place, place).map(
    ([from, to]): Mutation =>
      (bytes) =>
        spliced(bytes, from, to, Buffer.alloc(0)),
  ),
  fc.tuple(place, fc.uint8Array({ maxLength: 20 })).map(
    ([at, more]): Mutation =>
      (bytes) =>
        spliced(bytes, at, at, more),
  ),
  fc.tuple(place, place, fc.integer({ min: 2, max: 50 })).map(
    ([from, to, times]): Mutation =>
      (bytes) => {
        const piece = bytes.subarray(...bounds(bytes, from, to));
        return spliced(bytes, from, from, Buffer.concat(Array<Buffer>(times).fill(piece)));
      },
  ),
);

const mutant = fc
  .tuple(fc.constantFrom(...valid), fc.array(mutation, { minLength: 1, maxLength: 5 }))
  .map(([{ path, bytes }, mutations]) => ({
    path,
    bytes: mutations.reduce((mutated, mutate) => mutate(mutated), bytes),
  }));

it("X7 mutated messages: every call ends, others are served, and no memory is kept", async () => {
  const hub = await hubProcess({ noWorkerTimeoutMs: 50 }, ["--expose-gc"]);
  const witness = await startWitness(hub.address);
  await startWorker(hub.address, (x: unknown) => x, { method: "echo", slots: 4 });
  const property = fc.asyncProperty(
    fc.array(mutant, { minLength: 25, maxLength: 25 }),
    async (all) => {
      const session = connectHttp2(hub.address);
      const ends = await Promise.all(
        all.map(({ path, bytes }) => post(session, path, bytes, { "grpc-timeout": "5S" })),
      );
      session.destroy();
      for (const { status, resetCode } of ends) expect(status ?? resetCode).not.toBe(0);
      await witness.undisturbed();
    },
  );
  await fc.assert(property, { numRuns: 10 });
  const before = await heapOf(hub);
  await fc.assert(property, { numRuns: 40 });
  expect((await heapOf(hub)) - before).toBeLessThan(10 * MiB);
  expect(hub.process.exitCode).toBeNull();
});

/** Returns the size of a hub process's heap after a garbage collection, in bytes. */
async function heapOf(hub: Running): Promise<number> {
  hub.lines.length = 0;
  hub.process.kill("SIGUSR2");
  return Number((await hub.line(/^heap /)).split(" ")[1]);
}

function bounds(bytes: Buffer, from: number, to: number): [number, number] {
  const [start, end] = [from, to].sort((a, b) => a - b) as [number, number];
  return [Math.floor(start * bytes.length), Math.floor(end * bytes.length)];
}

/** The bytes with the range between two positions replaced. */
function spliced(bytes: Buffer, from: number, to: number, by: Uint8Array): Buffer {
  const [start, end] = bounds(bytes, from, to);
  return Buffer.concat([bytes.subarray(0, start), by, bytes.subarray(end)]);
}
