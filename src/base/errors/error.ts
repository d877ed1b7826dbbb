/** The names of the gRPC status codes other than OK. */
export type Code =
  | "CANCELLED"
  | "UNKNOWN"
  | "INVALID_ARGUMENT"
  | "DEADLINE_EXCEEDED"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "PERMISSION_DENIED"
  | "RESOURCE_EXHAUSTED"
  | "FAILED_PRECONDITION"
  | "ABORTED"
  | "OUT_OF_RANGE"
  | "UNIMPLEMENTED"
  | "INTERNAL"
  | "UNAVAILABLE"
  | "DATA_LOSS"
  | "UNAUTHENTICATED";

/**
 * Whether a request's work ran. `NOT_STARTED`: it certainly did not. `FINISHED`: its handler
 * returned or threw. `UNKNOWN`: it may have run, in part or in full.
 */
export type Execution = "NOT_STARTED" | "UNKNOWN" | "FINISHED";

/** A `google.protobuf.Any` that a handler attaches to its error and a caller reads from it. */
export interface ErrorDetail {
  /** The message type, such as `type.googleapis.com/my.pkg.Reason`. */
  typeUrl: string;
  /** The encoded message. */
  value: Uint8Array;
}

/** What a {@link GibbsError} carries besides its code and message. */
export interface GibbsErrorDetails {
  /** The machine-readable reason, such as `HANDLER_ERROR`, `WORKER_LOST`, `QUEUE_FULL`. */
  reason?: string;
  /** The request's id, the same for all its attempts. */
  requestId?: string | undefined;
  /** How many times the request was started. */
  attempts?: number;
  /** Whether the work ran. Default `UNKNOWN`. */
  execution?: Execution;
  /** The class of the error that the handler threw, such as `TypeError`. */
  remoteType?: string;
  /** The stack of the error that the handler threw, if the worker sends stacks. */
  remoteStack?: string;
  /** The last worker to have the request, by the label it gave itself. */
  workerId?: string;
  /** How long the request waited for that worker, in milliseconds. */
  queueTimeMs?: number;
  /** How long that worker had it, in milliseconds. */
  runTimeMs?: number;
  /** When to try again, in milliseconds: a hint from the hub or the handler. */
  retryAfterMs?: number;
  /** Further details of the handler's error; up to 4 KiB are sent. Default none. */
  details?: readonly ErrorDetail[];
  /** The underlying error. */
  cause?: unknown;
}

/**
 * The only error class of this library. Branch on `code` (a gRPC status code) and `reason`, read
 * `message`, log `cause`.
 *
 * A handler that throws one sets its caller's status: the caller sees the same code and message,
 * with the reason `DECLARED`.
 */
export class GibbsError extends Error {
  override readonly name = "GibbsError";
  /** The gRPC status. */
  readonly code: Code;
  /** The machine-readable reason, such as `HANDLER_ERROR`; empty if none was given. */
  readonly reason: string;
  /** Whether the work ran. */
  readonly execution: Execution;
  /** How many times the request was started. */
  readonly attempts: number;
  /** The request's id, the same for all its attempts; undefined if it has none yet. */
  readonly requestId: string | undefined;
  /** The class of the error that the handler threw. */
  readonly remoteType: string | undefined;
  /** The stack of the error that the handler threw, if its worker sends stacks. */
  readonly remoteStack: string | undefined;
  /** The last worker to have the request; undefined if it never reached one. */
  readonly workerId: string | undefined;
  /** How long the request waited for that worker, in milliseconds. */
  readonly queueTimeMs: number | undefined;
  /** How long that worker had it, in milliseconds. */
  readonly runTimeMs: number | undefined;
  /** When to try again, in milliseconds; undefined without a hint. */
  readonly retryAfterMs: number | undefined;
  /** Further details of the handler's error. */
  readonly details: readonly ErrorDetail[];

  /** @param details what is known besides code and message; see {@link GibbsErrorDetails}. */
  constructor(code: Code, message: string, details: GibbsErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.reason = details.reason ?? "";
    this.execution = details.execution ?? "UNKNOWN";
    this.attempts = details.attempts ?? 0;
    this.requestId = details.requestId;
    this.remoteType = details.remoteType;
    this.remoteStack = details.remoteStack;
    this.workerId = details.workerId;
    this.queueTimeMs = details.queueTimeMs;
    this.runTimeMs = details.runTimeMs;
    this.retryAfterMs = details.retryAfterMs;
    this.details = details.details ?? [];
  }
}

/** The error as a plain object, for logs and `--json`. */
export function describeError(error: GibbsError): Record<string, unknown> {
  const { code, reason, message, execution, attempts, requestId, workerId } = error;
  const { queueTimeMs, runTimeMs, retryAfterMs, remoteType, remoteStack } = error;
  const known = { code, reason, message, execution, attempts, requestId, workerId };
  return { ...known, queueTimeMs, runTimeMs, retryAfterMs, remoteType, remoteStack };
}

/** The message of any thrown value. */
export function messageOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    return "a value that cannot be shown";
  }
}
