import { type Code, type Execution, GibbsError } from "../../base/error.js";
import type { Request } from "./request.js";

/** Why the hub fails a request by itself. */
export type HubReason =
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
  | "MALFORMED"
  | "RESULT_TOO_LARGE";

/** What the caller is told for each: its code, and a hint when trying again makes sense. */
const table: Record<HubReason, { code: Code; retryAfterMs?: number }> = {
  QUEUE_FULL: { code: "RESOURCE_EXHAUSTED", retryAfterMs: 500 },
  HELD_BYTES_FULL: { code: "RESOURCE_EXHAUSTED", retryAfterMs: 500 },
  NO_WORKER: { code: "UNAVAILABLE", retryAfterMs: 1000 },
  QUEUE_TIMEOUT: { code: "UNAVAILABLE", retryAfterMs: 1000 },
  DRAINING: { code: "UNAVAILABLE", retryAfterMs: 1000 },
  REJECTED: { code: "UNAVAILABLE", retryAfterMs: 1000 },
  WORKER_LOST: { code: "ABORTED" },
  ATTEMPTS_EXHAUSTED: { code: "ABORTED" },
  HUB_SHUTDOWN: { code: "ABORTED" },
  DEADLINE_QUEUED: { code: "DEADLINE_EXCEEDED" },
  DEADLINE_RUNNING: { code: "DEADLINE_EXCEEDED" },
  RUN_TIMEOUT: { code: "DEADLINE_EXCEEDED" },
  CLIENT_CANCELLED: { code: "CANCELLED" },
  PAYLOAD_TOO_LARGE: { code: "INVALID_ARGUMENT" },
  MALFORMED: { code: "INVALID_ARGUMENT" },
  RESULT_TOO_LARGE: { code: "RESOURCE_EXHAUSTED" },
};

/**
 * The failure of `request` for `reason`. UNAVAILABLE promises that nothing ran,
 * so after an attempt that may have run it becomes ABORTED.
 */
export function hubFailure(
  request: Request,
  reason: HubReason,
  message: string,
  execution: Execution = request.attempts > 0 ? "UNKNOWN" : "NOT_STARTED",
): GibbsError {
  const { code, retryAfterMs } = table[reason];
  const mayHaveRun = code === "UNAVAILABLE" && execution !== "NOT_STARTED";
  return new GibbsError(mayHaveRun ? "ABORTED" : code, message, {
    reason,
    requestId: request.submission.requestId,
    attempts: request.attempts,
    execution,
    ...(retryAfterMs !== undefined && !mayHaveRun && { retryAfterMs }),
  });
}

/** What a worker reports of a job that has no answer. */
export interface WorkerFailure {
  /** The status that the handler declared, if it declared one. */
  code: Code | undefined;
  type: string;
  message: string;
  stack: string;
  /** Set when the worker's library reports, not its handler. */
  reason: string;
}

/** How a worker ended a job. */
export type JobResult =
  | { kind: "answer"; payload: Uint8Array }
  | { kind: "failure"; failure: WorkerFailure };

/** The result, or RESULT_TOO_LARGE in its place. */
export function checkResult(result: JobResult, maxPayloadBytes: number): JobResult {
  if (result.kind === "failure" || result.payload.length <= maxPayloadBytes) return result;
  const message = `the answer has ${result.payload.length} bytes, more than ${maxPayloadBytes}`;
  const reason = "RESULT_TOO_LARGE";
  return { kind: "failure", failure: { code: undefined, type: "", message, stack: "", reason } };
}

/** The failure of `request` that its worker reported. */
export function workerFailure(request: Request, failure: WorkerFailure): GibbsError {
  if (failure.reason === "MALFORMED") {
    const execution = request.attempts > 1 ? "UNKNOWN" : "NOT_STARTED";
    return hubFailure(request, "MALFORMED", failure.message, execution);
  }
  if (failure.reason === "RESULT_TOO_LARGE") {
    return hubFailure(request, "RESULT_TOO_LARGE", failure.message, "FINISHED");
  }
  return new GibbsError(failure.code ?? "UNKNOWN", failure.message, {
    reason: failure.code === undefined ? "HANDLER_ERROR" : "DECLARED",
    requestId: request.submission.requestId,
    attempts: request.attempts,
    execution: "FINISHED",
    ...(failure.type !== "" && { remoteType: failure.type }),
    ...(failure.stack !== "" && { remoteStack: failure.stack }),
  });
}
