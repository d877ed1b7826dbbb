/** The names of the gRPC status codes. A call that went well has none. */
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
 * Whether the work of a request ran. `NOT_STARTED`: certainly not. `FINISHED`:
 * its handler returned or threw. `UNKNOWN`: it may have run, in part or wholly.
 */
export type Execution = "NOT_STARTED" | "UNKNOWN" | "FINISHED";

/** A `google.protobuf.Any` that a handler adds to its error, or a caller finds there. */
export interface ErrorDetail {
  /** Such as `type.googleapis.com/my.pkg.Reason`. */
  typeUrl: string;
  /** The encoded message. */
  value: Uint8Array;
}

/** What a {@link GibbsError} tells beyond its code and message. */
export interface GibbsErrorDetails {
  /** Why, for programs: such as `HANDLER_ERROR`, `WORKER_LOST`, `QUEUE_FULL`. */
  reason?: string;
  /** The request, the same over all its attempts. */
  requestId?: string | undefined;
  /** How often the request was started. */
  attempts?: number;
  /** Whether the work ran. Default `UNKNOWN`. */
  execution?: Execution;
  /** The class of the error that the handler threw, such as `TypeError`. */
  remoteType?: string;
  /** The stack of the error that the handler threw, if the worker sends stacks. */
  remoteStack?: string;
  /** The worker that had the request last, by the label it gave itself. */
  workerId?: string;
  /** How long the request waited for that worker, in milliseconds. */
  queueTimeMs?: number;
  /** How long that worker had it, in milliseconds. */
  runTimeMs?: number;
  /** When to try again, in milliseconds: the hub's hint, or the handler's. */
  retryAfterMs?: number;
  /** What else the handler's error carries; 4 KiB travel. Default none. */
  details?: readonly ErrorDetail[];
  /** What went wrong underneath. */
  cause?: unknown;
}

/**
 * The one error of this library. Branch on `code` (a gRPC status code) and
 * `reason`, read `message`, log `cause`.
 *
 * A handler that throws one declares its caller's status: the caller sees the
 * same code and message, with the reason `DECLARED`.
 */
export class GibbsError extends Error {
  override readonly name = "GibbsError";
  /** The gRPC status. */
  readonly code: Code;
  /** Why, for programs: such as `HANDLER_ERROR`; empty if nobody said. */
  readonly reason: string;
  /** Whether the work ran. */
  readonly execution: Execution;
  /** How often the request was started. */
  readonly attempts: number;
  /** The request, the same over all its attempts; undefined if it has none yet. */
  readonly requestId: string | undefined;
  /** The class of the error that the handler threw. */
  readonly remoteType: string | undefined;
  /** The stack of the error that the handler threw, if its worker sends stacks. */
  readonly remoteStack: string | undefined;
  /** The worker that had the request last; undefined if none had. */
  readonly workerId: string | undefined;
  /** How long the request waited for that worker, in milliseconds. */
  readonly queueTimeMs: number | undefined;
  /** How long that worker had it, in milliseconds. */
  readonly runTimeMs: number | undefined;
  /** When it makes sense to try again, in milliseconds; undefined: nobody gave a hint. */
  readonly retryAfterMs: number | undefined;
  /** What else the handler's error carries. */
  readonly details: readonly ErrorDetail[];

  /** @param details what is known beyond code and message; see {@link GibbsErrorDetails}. */
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
  const told = { code, reason, message, execution, attempts, requestId, workerId };
  return { ...told, queueTimeMs, runTimeMs, retryAfterMs, remoteType, remoteStack };
}

/** The message of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    return "a value that cannot be shown";
  }
}
