import { describe, expect, it } from "vitest";
import { encodePayload } from "../../src/wire/payload/payload.js";
import { hello, RawWorker } from "../support/raw-worker.js";
import { startClient, startHub, startWorker } from "../support/running.js";

const MiB = 1024 * 1024;

async function collect<T>(outputs: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const output of outputs) all.push(output);
  return all;
}

describe("map", () => {
  it("answers many inputs, in input order, from any iterable", async () => {
    const hub = await startHub();
    await startWorker(hub, async (x: number) => x * 2, { slots: 8 });
    const client = startClient(hub);
    const inputs = Array.from({ length: 500 }, (_, index) => index);
    const doubled = inputs.map((input) => input * 2);
    expect(await collect(client.map<number>(inputs, { concurrency: 20 }))).toEqual(doubled);
    async function* later(): AsyncGenerator<number> {
      yield* inputs;
    }
    const unordered = await collect(client.map<number>(later(), { ordered: false }));
    expect(unordered.sort((a, b) => a - b)).toEqual(doubled);
    expect(await collect(client.map([]))).toEqual([]);
  });

  it("keeps at most `concurrency` in flight, and reads no further ahead", async () => {
    const hub = await startHub();
    const worker = new RawWorker(hub.address);
    worker.send(hello(), { case: "ready", value: { slots: 100 } });
    let read = 0;
    function* endless(): Generator<number> {
      for (;;) yield read++;
    }
    const outputs = startClient(hub).map<number>(endless(), { concurrency: 3, ordered: false });
    const first = outputs.next();
    const jobs = [await worker.hear("job"), await worker.hear("job"), await worker.hear("job")];
    expect(read).toBe(3);
    const { jobId, payload } = jobs[1] as (typeof jobs)[0];
    worker.send({ case: "result", value: { jobId, outcome: { case: "payload", value: payload } } });
    expect(await first).toEqual({ done: false, value: 1 });
    await worker.hear("job");
    expect(read).toBe(4);
    await outputs.return();
    const cancelled = new Set<number>();
    while (cancelled.size < 3) cancelled.add((await worker.hear("cancel")).jobId);
    expect(cancelled.has(jobId)).toBe(false);
  });

  it("accepts the largest inputs at its default concurrency", async () => {
    const hub = await startHub();
    await startWorker(hub, (data: Uint8Array) => data.length);
    const inputs = Array.from({ length: 30 }, () => Buffer.alloc(4 * MiB - 16));
    const lengths = await collect(startClient(hub).map<number>(inputs));
    expect(lengths).toEqual(inputs.map(({ length }) => length));
  });

  it("ends with the first failure, of a request or of the inputs", async () => {
    const hub = await startHub();
    await startWorker(hub, (x: number) => {
      if (x === 3) throw new RangeError("three");
      return x;
    });
    const client = startClient(hub);
    const taken: number[] = [];
    const running = (async () => {
      for await (const output of client.map<number>([1, 2, 3, 4])) taken.push(output);
    })();
    await expect(running).rejects.toMatchObject({ reason: "HANDLER_ERROR" });
    expect(taken).toEqual(taken.slice().sort());
    function* broken(): Generator<number> {
      yield 1;
      throw new Error("no more inputs");
    }
    await expect(collect(client.map(broken()))).rejects.toThrow("no more inputs");
  });

  it("is cancelled by a signal", async () => {
    const hub = await startHub();
    const worker = new RawWorker(hub.address);
    worker.send(hello(), { case: "ready", value: { slots: 2 } });
    const gone = new AbortController();
    const outputs = collect(startClient(hub).map([1, 2], { signal: gone.signal }));
    const told = expect(outputs).rejects.toMatchObject({ reason: "CLIENT_CANCELLED" });
    const { jobId } = await worker.hear("job");
    await worker.hear("job");
    const value = encodePayload("done");
    worker.send({ case: "result", value: { jobId, outcome: { case: "payload", value } } });
    gone.abort();
    await told;
  });
});
