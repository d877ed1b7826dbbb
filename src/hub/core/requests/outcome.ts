import {
  type Code,
  type ErrorDetail,
  type Execution,
  GibbsError,
} from "../../../base/errors/error.js";
import { gibbsError, type Reason, reasons } from "../../../base/errors/reasons.js";
import type { Request, RunInfo } from "./request.js";

/** Why the hub itself fails a request. */
export type HubReason = Extract<
  Reason,
  | "QUEUE_FULL"
  | "HELD_BYTES_FULL"
  | "NO_WORKER"
  | "QUEUE_TIMEOUT"
  | "DRAINING"
  | "REJECTED"
  | "WORKER_LOST"
  | "ATTEMPTS_EXHAUSTED"
  | "HUB_SHUTDOWN"
  | "DEADLINE_QUEUED"
  | "DEADLINE_RUNNING"
  | "RUN_TIMEOUT"
  | "CLIENT_CANCELLED"
  | "PAYLOAD_TOO_LARGE"
  | "SLOW_READER"
  | "MALFORMED"
  | "RESULT_TOO_LARGE"
>;

/** Retry hints in milliseconds, before jitter; other reasons have none. */
const retryAfter: Partial<Record<HubReason, number>> = {
  QUEUE_FULL: 500,
  HELD_BYTES_FULL: 500,
  NO_WORKER: 1000,
  QUEUE_TIMEOUT: 1000,
  DRAINING: 1000,
  REJECTED: 1000,
};

/** Why a request is refused. */
export type Refusal = [reason: HubReason, message: string];

/** What a failure depends on besides its request. */
export interface FailureContext {
  now: number;
  /** Jitter for the retry hint, from 0 to 1, so that callers do not retry in step. */
  chance: number;
  /** The execution to report. Default: derived from the attempts. */
  execution?: Execution;
}

/**
 * The failure of `request` for `reason`. UNAVAILABLE promises that nothing ran, so after an attempt
 * that may have run the code becomes ABORTED, without a retry hint.
 */
export function hubFailure(
  request: Request,
  reason: HubReason,
  message: string,
  context: FailureContext,
): GibbsError {
  const { code } = reasons[reason];
  const retryAfterMs = retryAfter[reason];
  const execution = context.execution ?? (request.attempts > 0 ? "UNKNOWN" : "NOT_STARTED");
  const mayHaveRun = execution !== "NOT_STARTED";
  return new GibbsError(code === "UNAVAILABLE" && mayHaveRun ? "ABORTED" : code, message, {
    reason,
    requestId: request.requestId,
    execution,
    ...runInfo(request, context.now),
    ...(retryAfterMs !== undefined &&
      !mayHaveRun && { retryAfterMs: spread(retryAfterMs, context.chance) }),
  });
}

/** The HELD_BYTES_FULL error for a request that has begun to arrive. */
export function arrivalRefused(message: string, chance: number): GibbsError {
  const retryAfterMs = spread(retryAfter.HELD_BYTES_FULL ?? 0, chance);
  return gibbsError("HELD_BYTES_FULL", message, { execution: "NOT_STARTED", retryAfterMs });
}

function spread(ms: number, chance: number): number {
  return Math.round(ms * (0.5 + chance));
}

/** How `request`, which must not be settled, has run so far. */
export function runInfo(
  request: Request,
  now: number,
): Partial<RunInfo> & Omit<RunInfo, "workerId"> {
  const { state, attempts, arrivedAt } = request;
  if (typeof state === "string") {
    return { attempts, queueTimeMs: now - arrivedAt, runTimeMs: 0 };
  }
  return {
    workerId: state.session.workerId,
    attempts,
    queueTimeMs: state.startedAt - arrivedAt,
    runTimeMs: now - state.startedAt,
  };
}

/** A worker's report of a failed job. */
export interface WorkerFailure {
  /** The status that the handler declared, if any. */
  code: Code | undefined;
  type: string;
  message: string;
  stack: string;
  /** The handler's retry hint, in milliseconds. */
  retryAfterMs: number | undefined;
  details: readonly ErrorDetail[];
  /** Set if the worker's library failed the job, not its handler. */
  reason: string;
}

const unknownFailure: WorkerFailure = {
  code: undefined,
  type: "",
  message: "",
  stack: "",
  retryAfterMs: undefined,
  details: [],
  reason: "",
};

/** How a worker ended a job. */
export type JobResult =
  | { kind: "answer"; payload: Uint8Array }
  | { kind: "failure"; failure: WorkerFailure };

/** Returns `result`, or RESULT_TOO_LARGE instead of an answer over the limit. */
export function checkResult(result: JobResult, maxPayloadBytes: number): JobResult {
  if (result.kind === "failure" || result.payload.length <= maxPayloadBytes) return result;
  const message = `the answer has ${result.payload.length} bytes, more than ${maxPayloadBytes}`;
  return { kind: "failure", failure: { ...unknownFailure, message, reason: "RESULT_TOO_LARGE" } };
}

/** Whether the handler itself failed, not its worker's library or the hub. */
export function isThrown({ reason }: WorkerFailure): boolean {
  return reason !== "MALFORMED" && reason !== "RESULT_TOO_LARGE";
}

/** The error for a failure of `request` that its worker reported. */
export function workerFailure(request: Request, failure: WorkerFailure, now: number): GibbsError {
  if (failure.reason === "MALFORMED") {
    const execution = request.attempts > 1 ? "UNKNOWN" : "NOT_STARTED";
    return hubFailure(request, "MALFORMED", failure.message, { now, chance: 0, execution });
  }
  if (failure.reason === "RESULT_TOO_LARGE") {
    const execution = "FINISHED";
    return hubFailure(request, "RESULT_TOO_LARGE", failure.message, { now, chance: 0, execution });
  }
  return new GibbsError(failure.code ?? "UNKNOWN", failure.message, {
    reason: failure.code === undefined ? "HANDLER_ERROR" : "DECLARED",
    requestId: request.requestId,
    execution: "FINISHED",
    details: failure.details,
    ...runInfo(request, now),
    ...(failure.retryAfterMs !== undefined && { retryAfterMs: failure.retryAfterMs }),
    ...(failure.type !== "" && { remoteType: failure.type }),
    ...(failure.stack !== "" && { remoteStack: failure.stack }),
  });
}
