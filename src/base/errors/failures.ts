import { type Execution, type GibbsError, type GibbsErrorDetails, messageOf } from "./error.js";
import { gibbsError } from "./reasons.js";

// Errors that are created in several places, defined here so that they read the same everywhere.

/** The error for a request option that is out of range. */
export function badRequestOption(message: string): GibbsError {
  return gibbsError("BAD_OPTION", message, { execution: "NOT_STARTED" });
}

/** The error for a worker's answer that is not a payload. */
export function malformedResult(
  cause: unknown,
  { requestId, attempts = 0 }: Pick<GibbsErrorDetails, "requestId" | "attempts">,
): GibbsError {
  const message = `the worker's answer is not a payload: ${messageOf(cause)}`;
  const details = { requestId, attempts, execution: "FINISHED", cause } as const;
  return gibbsError("RESULT_MALFORMED", message, details);
}

/** The error for a bug in gibbs. `execution` is that of the affected request. */
export function internal(cause: unknown, execution: Execution): GibbsError {
  return gibbsError("INTERNAL", messageOf(cause), { execution, cause });
}

/**
 * The error for a hub that no longer accepts requests. `execution` is that of the refused request,
 * if there is one.
 */
export function draining(execution: Execution = "UNKNOWN"): GibbsError {
  return gibbsError("DRAINING", "the hub is shutting down", { execution });
}

/** The error for a peer that broke a rule of the protocol, which ends its stream. */
export function violation(what: string): GibbsError {
  return gibbsError("PROTOCOL_VIOLATION", `protocol violation: ${what}`);
}
