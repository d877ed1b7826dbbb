import type { Code, Execution, GibbsError } from "../../../src/base/errors/error.js";
import { decodePayload } from "../../../src/wire/payload/payload.js";
import type { Books } from "./books.js";
import type { Call, Expected, Reason, Told } from "./call.js";

/** Tolerance for rounding, in milliseconds: durations travel in whole nanoseconds. */
const CLOCK_MS = 0.001;

type Failed = Extract<Told, { kind: "failure" }>;
type Answered = Extract<Told, { kind: "answer" }>;

/**
 * The table of docs/protocol.md: the code, and the retry hint in milliseconds. DECLARED may have
 * any code.
 */
const table: Record<Reason, { code: Code | undefined; hintMs?: number }> = {
  HANDLER_ERROR: { code: "UNKNOWN" },
  DECLARED: { code: undefined },
  MALFORMED: { code: "INVALID_ARGUMENT" },
  BAD_OPTION: { code: "INVALID_ARGUMENT" },
  PAYLOAD_TOO_LARGE: { code: "INVALID_ARGUMENT" },
  RESULT_TOO_LARGE: { code: "RESOURCE_EXHAUSTED" },
  RESULT_MALFORMED: { code: "INTERNAL" },
  QUEUE_FULL: { code: "RESOURCE_EXHAUSTED", hintMs: 500 },
  HELD_BYTES_FULL: { code: "RESOURCE_EXHAUSTED", hintMs: 500 },
  TOO_MANY_CALLS: { code: "RESOURCE_EXHAUSTED" },
  SLOW_READER: { code: "RESOURCE_EXHAUSTED" },
  NO_WORKER: { code: "UNAVAILABLE", hintMs: 1000 },
  QUEUE_TIMEOUT: { code: "UNAVAILABLE", hintMs: 1000 },
  DRAINING: { code: "UNAVAILABLE", hintMs: 1000 },
  REJECTED: { code: "UNAVAILABLE", hintMs: 1000 },
  WORKER_LOST: { code: "ABORTED" },
  ATTEMPTS_EXHAUSTED: { code: "ABORTED" },
  HUB_SHUTDOWN: { code: "ABORTED" },
  DEADLINE_QUEUED: { code: "DEADLINE_EXCEEDED" },
  DEADLINE_RUNNING: { code: "DEADLINE_EXCEEDED" },
  RUN_TIMEOUT: { code: "DEADLINE_EXCEEDED" },
  CLIENT_CANCELLED: { code: "CANCELLED" },
};

/** Every reason that a caller can be given. */
export const reasons: readonly Reason[] = Object.keys(table) as Reason[];

/** Checks the outcome that a caller was told against the table, the call's events, and what ran. */
export function judgeTold(books: Books, call: Call, told: Told): void {
  const isFirst = call.isOpen;
  if (!isFirst) books.fail("exactly one outcome", `${call} was told twice`);
  const problem =
    told.kind === "answer"
      ? wrongAnswer(call, told)
      : (unfounded(books, call, told) ?? wrongStatus(call, told) ?? dishonest(call, told));
  if (problem !== undefined) books.fail(...problem);
}

type Problem = [check: string, what: string] | undefined;

function wrongAnswer(call: Call, { value, workerId, attempts, times }: Answered): Problem {
  const { expected } = call;
  if (expected?.kind !== "answer") {
    return ["founded outcome", `${call} was answered, not ${show(expected)}`];
  }
  const json = JSON.stringify(value);
  if (!call.runs.returned.has(json)) {
    return ["right answer", `${call} was told ${json.slice(0, 100)}, which no handler returned`];
  }
  const wanted = JSON.stringify(decodePayload(expected.payload));
  if (json !== wanted) return ["right answer", `${call} was told ${json}, not ${wanted}`];
  if (workerId !== expected.stream.workerId || attempts !== call.attempts) {
    return ["call info", `${call}: worker ${workerId}, ${attempts} attempts`];
  }
  const isWrong = Math.abs(times[0] - (expected.startedAt - call.arrivedAt)) > CLOCK_MS;
  if (isWrong || isOff(call, ...times)) return ["call info", `${call}: ${times.join(" ms, ")} ms`];
  return undefined;
}

/** Whether the two durations told to a caller fail to add up to its total time at the hub. */
function isOff(call: Call, queueTimeMs: number, runTimeMs: number): boolean {
  return Math.abs(queueTimeMs + runTimeMs - (call.decidedAt - call.arrivedAt)) > CLOCK_MS;
}

/**
 * The check that fails if neither what the hub saw nor the time gave it a reason to fail the call.
 */
function unfounded(books: Books, call: Call, { error }: Failed): Problem {
  const { expected } = call;
  const reason = error.reason as Reason;
  if (expected === undefined) {
    if (isDue(books, call, reason)) return undefined;
    return ["founded outcome", `${call} failed as ${reason} without a reason`];
  }
  if (expected.kind === "answer") {
    if (reason === "RESULT_MALFORMED" && !isPayload(expected.payload)) return undefined;
    return ["founded outcome", `${call} failed as ${reason}, not ${show(expected)}`];
  }
  if (reason !== expected.reason) {
    return ["founded outcome", `${call} failed as ${reason}, not ${expected.reason}`];
  }
  if (expected.code !== undefined && error.code !== expected.code) {
    return ["status table", `${call} failed with ${error.code}, not ${expected.code}`];
  }
  if (expected.message !== undefined && error.message !== expected.message) {
    return ["status table", `${call} says "${error.message}", not "${expected.message}"`];
  }
  return undefined;
}

/** Whether the time limit that `reason` names has passed. */
function isDue(books: Books, call: Call, reason: Reason): boolean {
  const { now, limits } = books;
  const { queueTimeoutMs = Infinity, runTimeoutMs = Infinity, method } = call.wish;
  const isWaiting = call.state === "waiting";
  switch (reason) {
    case "DEADLINE_QUEUED":
      return isWaiting && now >= call.deadlineAt - 1;
    case "QUEUE_TIMEOUT":
      return isWaiting && now >= call.queuedAt + queueTimeoutMs;
    case "NO_WORKER": {
      if (!isWaiting || books.isServed(method)) return false;
      const since = Math.max(books.unservedSince.get(method) ?? 0, call.queuedAt);
      return now >= since + limits.noWorkerTimeoutMs;
    }
    case "DEADLINE_RUNNING":
      return call.job !== undefined && now >= call.deadlineAt;
    case "RUN_TIMEOUT":
      return call.job !== undefined && now >= call.job.startedAt + runTimeoutMs;
    default:
      return false;
  }
}

function wrongStatus(call: Call, { error, pushback }: Failed): Problem {
  const { reason, code, execution, attempts, requestId } = error;
  const row = table[reason as Reason];
  if (row === undefined) return ["status table", `${call}: an unknown reason ${reason}`];
  const expected = executionOf(call, reason as Reason);
  if (execution !== expected)
    return ["execution", `${call}: ${reason} ${execution}, not ${expected}`];
  const mayHaveRun = row.code === "UNAVAILABLE" && execution !== "NOT_STARTED";
  const wanted = mayHaveRun ? "ABORTED" : row.code;
  if (wanted !== undefined && code !== wanted) {
    return ["status table", `${call}: ${reason} is ${code}, not ${wanted}`];
  }
  if (attempts !== call.attempts) return ["execution", `${call} was told ${attempts} attempts`];
  const { queueTimeMs, runTimeMs } = error;
  if (queueTimeMs !== undefined && isOff(call, queueTimeMs, runTimeMs ?? 0)) {
    return ["call info", `${call}: ${queueTimeMs} ms and ${runTimeMs} ms`];
  }
  if (call.wish.flaw === undefined && requestId !== call.requestId) {
    return ["status table", `${call} was told the request id ${requestId}`];
  }
  return wrongHint(call, error, pushback);
}

/**
 * Checks the retry hint. The hub's hints are jittered by a factor of 0.5 to 1.5; a handler's are
 * passed on unchanged.
 */
function wrongHint(call: Call, error: GibbsError, pushback: Failed["pushback"]): Problem {
  const isPushback = (wanted: string | undefined): boolean =>
    pushback === wanted || pushback === null;
  const { reason, execution, retryAfterMs } = error;
  const what = `${call}: ${reason} ${execution} hints ${retryAfterMs}, ${pushback}`;
  const { expected } = call;
  const isDeclared = reason === "DECLARED";
  const declaredMs = expected?.kind === "failure" ? expected.retryAfterMs : undefined;
  const hintMs = isDeclared ? declaredMs : table[reason as Reason].hintMs;
  if (hintMs === undefined || (!isDeclared && execution !== "NOT_STARTED")) {
    const stops = !isDeclared && execution !== "NOT_STARTED";
    const isRight = retryAfterMs === undefined && isPushback(stops ? "-1" : undefined);
    return isRight ? undefined : ["retry hint", what];
  }
  const spread = isDeclared ? 0 : hintMs / 2;
  const isRight = Math.abs((retryAfterMs ?? 0) - hintMs) <= spread;
  return isRight && isPushback(String(Math.ceil(retryAfterMs ?? 0)))
    ? undefined
    : ["retry hint", what];
}

function executionOf(call: Call, reason: Reason): Execution {
  switch (reason) {
    case "HANDLER_ERROR":
    case "DECLARED":
    case "RESULT_TOO_LARGE":
    case "RESULT_MALFORMED":
      return "FINISHED";
    case "MALFORMED":
      return call.attempts > 1 ? "UNKNOWN" : "NOT_STARTED";
    default:
      return call.attempts > 0 ? "UNKNOWN" : "NOT_STARTED";
  }
}

/**
 * The check that fails if the execution reported to the caller is not what happened at the workers.
 */
function dishonest(call: Call, { error }: Failed): Problem {
  const { begun, finished } = call.runs;
  const promisesNothingRan =
    error.execution === "NOT_STARTED" ||
    (error.code === "UNAVAILABLE" && error.reason !== "DECLARED");
  if (promisesNothingRan && begun > 0) {
    return ["NOT_STARTED is a promise", `${call}: ${error.reason}, but ${begun} handlers began`];
  }
  if (error.execution === "FINISHED" && finished === 0) {
    return ["FINISHED is a fact", `${call}: ${error.reason}, but no handler finished it`];
  }
  return undefined;
}

function isPayload(encoded: Uint8Array): boolean {
  try {
    decodePayload(encoded);
    return true;
  } catch {
    return false;
  }
}

function show(expected: Expected | undefined): string {
  if (expected === undefined) return "undecided";
  return expected.kind === "answer" ? "answered" : expected.reason;
}
