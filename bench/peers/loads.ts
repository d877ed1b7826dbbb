import { delay, systemClock } from "#dist/base/clock.js";
import type { TimedJob } from "../workload.js";
import type { Taken } from "./handlers.js";
import type { Commands } from "./serve.js";

/** Sends one request to the system under test. Rejects if there is no answer. */
export type Request = (input: unknown) => Promise<unknown>;

/** The result of requests sent at once. */
export interface Burst {
  /** From the first request to the last answer, in milliseconds. */
  tookMs: number;
  /** The number of requests with no answer or a wrong one. */
  lost: number;
}

/** The result of a closed loop. */
export interface Throughput {
  perSecond: number;
  answered: number;
  /** The number of requests with no answer or a wrong one. */
  lost: number;
}

/** The result of an open loop: one value per job, in milliseconds. */
export interface OpenLoop {
  /** From the job's intended arrival until its answer. */
  response: number[];
  /** How long its worker actually took. */
  ran: number[];
  /** How late it was sent, compared with the intended arrival. */
  late: number[];
}

/** A payload for the `payloads` command of {@link loads}. */
export interface PayloadLoad {
  kind: "data" | "value";
  bytes: number;
  count: number;
}

/** The commands that a client of any peer understands. */
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

/** Sends null, ten requests at once, until `count` are sent. */
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

/** Sends one request after another; returns each latency, in microseconds. */
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

/**
 * Runs a closed loop for `durationMs`: each of `callers` waits for its answer before sending the
 * next request.
 */
function throughput(
  request: Request,
  { callers, durationMs }: { callers: number; durationMs: number },
): Promise<Throughput> {
  const until = performance.now() + durationMs;
  return closedLoop(request, callers, () => performance.now() < until);
}

/** Runs a closed loop of `count` requests. */
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

/** Sends each job at its arrival time, whether or not earlier ones are done. */
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

/**
 * Sends a payload `count` times, one after another; returns the bytes transferred in both
 * directions.
 */
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
