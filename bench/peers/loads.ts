import { delay, systemClock } from "#dist/base/clock.js";
import type { TimedJob } from "../workload.js";
import type { Taken } from "./handlers.js";
import type { Commands } from "./serve.js";

/** One request to the system under test. Rejects if it has no answer. */
export type Request = (input: unknown) => Promise<unknown>;

/** What came of requests that were sent at once. */
export interface Burst {
  /** From the first request to the last answer, in milliseconds. */
  tookMs: number;
  /** Requests without an answer, or with a wrong one. */
  lost: number;
}

/** How often requests were answered. */
export interface Throughput {
  perSecond: number;
  answered: number;
  /** Requests without an answer, or with a wrong one. */
  lost: number;
}

/** What came of an open loop: a value for each job, in milliseconds. */
export interface OpenLoop {
  /** From the time at which the job was to arrive until its answer. */
  response: number[];
  /** How long its worker took really. */
  ran: number[];
  /** How much later than intended it was sent. */
  late: number[];
}

/** A payload for {@link loads}'s `payloads`. */
export interface PayloadLoad {
  kind: "data" | "value";
  bytes: number;
  count: number;
}

/** What a client of any peer can be asked for. */
export function loads(request: Request): Commands {
  return {
    warmUp: ({ count }: { count: number }) => warmUp(request, count),
    burst: ({ count }: { count: number }) => burst(request, count),
    latency: ({ count }: { count: number }) => latency(request, count),
    throughput: (args: { callers: number; durationMs: number }) => throughput(request, args),
    requests: (args: { callers: number; count: number }) => requests(request, args),
    openLoop: ({ jobs }: { jobs: TimedJob[] }) => openLoop(request, jobs),
    payloads: (args: PayloadLoad) => payloads(request, args),
  };
}

/** Sends nothing, ten times at once, and so `count` times. */
async function warmUp(request: Request, count: number): Promise<void> {
  for (let sent = 0; sent < count; sent += 1) {
    await Promise.allSettled(Array.from({ length: 10 }, () => request(null)));
  }
}

/** Sends `count` numbers at once, to be squared. */
async function burst(request: Request, count: number): Promise<Burst> {
  const inputs = Array.from({ length: count }, (_, i) => i + 1);
  const startedAt = performance.now();
  const answers = await Promise.allSettled(inputs.map((input) => request(input)));
  const tookMs = performance.now() - startedAt;
  const right = answers.filter(
    (answer, i) => answer.status === "fulfilled" && answer.value === Number(inputs[i]) ** 2,
  );
  return { tookMs, lost: count - right.length };
}

/** Sends one request after another; returns how long each took, in microseconds. */
async function latency(request: Request, count: number): Promise<number[]> {
  const took: number[] = [];
  for (let input = 0; input < count; input += 1) {
    const startedAt = performance.now();
    const answer = await request(input);
    took.push((performance.now() - startedAt) * 1000);
    check(answer === input, `${input} was answered with ${answer}`);
  }
  return took;
}

/** As many requests as `callers` bring about who each wait for one answer before they ask again. */
function throughput(
  request: Request,
  { callers, durationMs }: { callers: number; durationMs: number },
): Promise<Throughput> {
  const until = performance.now() + durationMs;
  return closedLoop(request, callers, () => performance.now() < until);
}

/** So many requests of callers who do the same. */
function requests(
  request: Request,
  { callers, count }: { callers: number; count: number },
): Promise<Throughput> {
  return closedLoop(request, callers, (sent) => sent < count);
}

async function closedLoop(
  request: Request,
  callers: number,
  goesOn: (sent: number) => boolean,
): Promise<Throughput> {
  let last = 0;
  let answered = 0;
  let lost = 0;
  const startedAt = performance.now();
  const caller = async (): Promise<void> => {
    while (goesOn(last)) {
      last += 1;
      const input = last;
      const answer = await request(input).catch(() => undefined);
      if (answer === input) answered += 1;
      else lost += 1;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  const tookS = (performance.now() - startedAt) / 1000;
  return { perSecond: answered / tookS, answered, lost };
}

/** Sends each job at its time, whatever has come of those before. */
async function openLoop(request: Request, jobs: readonly TimedJob[]): Promise<OpenLoop> {
  const result: OpenLoop = { response: [], ran: [], late: [] };
  const startedAt = performance.now();
  const sinceStart = (): number => performance.now() - startedAt;
  const run = async ({ at, ms }: TimedJob, index: number): Promise<void> => {
    result.late[index] = sinceStart() - at;
    const taken = (await request({ ms })) as Taken;
    result.response[index] = sinceStart() - at;
    result.ran[index] = taken.ms;
  };
  const open: Promise<void>[] = [];
  for (const [index, job] of jobs.entries()) {
    const early = job.at - sinceStart();
    if (early > 0) await delay(systemClock, early);
    open.push(run(job, index));
  }
  await Promise.all(open);
  return result;
}

/** Sends a payload `count` times, one after another; returns the bytes that went there and back. */
async function payloads(request: Request, { kind, bytes, count }: PayloadLoad): Promise<number> {
  const input = kind === "data" ? Buffer.alloc(bytes, "gibbs") : strings(bytes);
  for (let sent = 0; sent < count; sent += 1) {
    const answer = await request(input);
    check(sameSize(answer, input), `an answer to ${bytes} bytes is not what was sent`);
  }
  return 2 * bytes * count;
}

/** Strings of at most 1 KiB that add up to `bytes`. */
function strings(bytes: number): string[] {
  const length = Math.min(bytes, 1024);
  return new Array<string>(bytes / length).fill("x".repeat(length));
}

function sameSize(answer: unknown, input: Buffer | string[]): boolean {
  if (Array.isArray(input))
    return Array.isArray(answer) && answer.join().length === input.join().length;
  return answer instanceof Uint8Array && input.equals(answer);
}

function check(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}
