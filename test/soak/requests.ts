import { findPort } from "../chaos/find-port.js";
import { Crew, type RunOptions, type Verdict } from "./crew.js";

const CALLERS = 64;
const WORKERS = 2;
const SLOTS = 32;

/** From which share of the requests on the client's memory must not grow. */
const WARM = 0.1;
/** By how much it may grow after that; the larger of both applies. */
const MAX_GROWTH = 0.1;
const MAX_GROWTH_MIB = 8;

interface RequestOptions extends RunOptions {
  count: number;
}

/**
 * A Python client sends `count` requests, 64 at a time, to TypeScript workers of 32 slots. Each must
 * be answered with its own answer, and the client's memory must stay flat.
 */
export function requests({ count, kinds, folder, say }: RequestOptions): Promise<Verdict[]> {
  const worker = kinds.find(({ name }) => name === "TypeScript");
  const caller = kinds.find(({ name }) => name === "Python async");
  if (worker === undefined || caller === undefined) throw new Error("this run needs Python");
  return Crew.use(folder, async (crew) => {
    const hub = `127.0.0.1:${await findPort()}`;
    const hubProcess = await crew.startHub(hub);
    for (let number = 1; number <= WORKERS; number += 1) {
      crew.addWorker({ ...worker, name: `${worker.name} ${number}` }, hub, SLOTS);
    }
    const client = crew.addCaller(caller, { hub, callers: CALLERS, jobMs: 0, count });
    const processes = { client: client.process, hub: hubProcess };
    const samples: number[] = [];
    for (const share of [WARM, 0.25, 0.5, 0.75, 1]) {
      await crew.reaches(client, share * count);
      const memory = Object.entries(processes).map(
        ([name, process]) => `${name} ${process.residentMiB().toFixed(1)} MiB`,
      );
      say(`${100 * share} %: ${crew.progress()}; ${memory.join(", ")}`);
      samples.push(client.process.residentMiB());
    }
    const verdicts = await crew.finish();
    return [...verdicts, countVerdict(client.report.answered, count), memoryVerdict(samples)];
  });
}

function countVerdict(answered: number, count: number): Verdict {
  const text = `${count - answered} of ${count} not answered`;
  return { name: "requests", role: "client", pass: answered === count, text };
}

function memoryVerdict(samples: readonly number[]): Verdict {
  const [warm = 0] = samples;
  const growth = (samples.at(-1) ?? 0) - warm;
  const pass = growth <= Math.max(MAX_GROWTH * warm, MAX_GROWTH_MIB);
  const list = samples.map((mib) => mib.toFixed(1)).join(", ");
  return { name: "memory", role: "client", pass, text: `${list} MiB at 10, 25, 50, 75, 100 %` };
}
