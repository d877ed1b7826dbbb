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

/** What a {@link GibbsError} tells beyond its code and message. */
export interface GibbsErrorDetails {
  /** Why, for programs: such as `HANDLER_ERROR`, `WORKER_LOST`, `QUEUE_FULL`. */
  reason?: string;
  /** The request, the same over all its attempts. */
  requestId?: string;
  /** How often the request was started. */
  attempts?: number;
  /** Whether the work ran. Default `UNKNOWN`. */
  execution?: Execution;
  /** The class of the error that the handler threw, such as `TypeError`. */
  remoteType?: string;
  /** The stack of the error that the handler threw, if the worker sends stacks. */
  remoteStack?: string;
  /** The hub's hint when to try again, in milliseconds. */
  retryAfterMs?: number;
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
  /** When it makes sense to try again, in milliseconds; undefined: the hub gave no hint. */
  readonly retryAfterMs: number | undefined;

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
    this.retryAfterMs = details.retryAfterMs;
  }
}

/** The error as a plain object, for logs and `--json`. */
export function describeError(error: GibbsError): Record<string, unknown> {
  const { code, message, reason, execution, attempts, requestId, remoteType, remoteStack } = error;
  return { code, reason, message, execution, attempts, requestId, remoteType, remoteStack };
}

/** The message of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    return "a value that cannot be shown";
  }
}
