import { GibbsError, type GibbsErrorDetails } from "./error.js";

/**
 * Every reason that a part of gibbs gives for an error: who gives it, its code, and what it means.
 * An error read from the wire may carry an unknown reason from a newer peer.
 *
 * `by`: `hub`, `client`, `worker` (its library), `cli`, `kit` (the conformance kit), `go` (the
 * SDK). `code` is undefined where the handler chooses it.
 */
export const reasons = {
  // Reasons for which the hub fails a request.
  HANDLER_ERROR: { by: ["hub"], code: "UNKNOWN", means: "the handler threw" },
  DECLARED: { by: ["hub"], code: undefined, means: "the handler threw a GibbsError" },
  RESULT_TOO_LARGE: {
    by: ["worker", "hub"],
    code: "RESOURCE_EXHAUSTED",
    means: "the answer is larger than the worker or the hub may send",
  },
  RESULT_MALFORMED: {
    by: ["hub", "client"],
    code: "INTERNAL",
    means: "the answer is not a payload",
  },
  MALFORMED: {
    by: ["worker", "hub"],
    code: "INVALID_ARGUMENT",
    means: "the request or its input cannot be decoded",
  },
  BAD_OPTION: {
    by: ["hub", "client", "worker"],
    code: "INVALID_ARGUMENT",
    means: "an option, name or metadata is out of range",
  },
  PAYLOAD_TOO_LARGE: {
    by: ["hub", "client"],
    code: "INVALID_ARGUMENT",
    means: "the input is larger than the hub, or every worker of its method, accepts",
  },
  QUEUE_FULL: { by: ["hub"], code: "RESOURCE_EXHAUSTED", means: "too many requests are waiting" },
  HELD_BYTES_FULL: {
    by: ["hub"],
    code: "RESOURCE_EXHAUSTED",
    means: "the hub holds too many bytes",
  },
  SLOW_READER: {
    by: ["hub", "client"],
    code: "RESOURCE_EXHAUSTED",
    means: "the caller does not read its answers",
  },
  TOO_MANY_CALLS: {
    by: ["hub"],
    code: "RESOURCE_EXHAUSTED",
    means: "too many calls are open on one Multiplex stream",
  },
  NO_WORKER: { by: ["hub"], code: "UNAVAILABLE", means: "no worker serves the method" },
  QUEUE_TIMEOUT: { by: ["hub"], code: "UNAVAILABLE", means: "no worker was free in time" },
  DRAINING: { by: ["hub"], code: "UNAVAILABLE", means: "the hub is shutting down" },
  REJECTED: {
    by: ["hub"],
    code: "UNAVAILABLE",
    means: "workers gave it back unstarted too many times",
  },
  WORKER_LOST: { by: ["hub"], code: "ABORTED", means: "the worker was lost during the attempt" },
  ATTEMPTS_EXHAUSTED: {
    by: ["hub"],
    code: "ABORTED",
    means: "the worker was lost during the last attempt",
  },
  HUB_SHUTDOWN: {
    by: ["hub"],
    code: "ABORTED",
    means: "the hub was stopped while the request ran",
  },
  DEADLINE_QUEUED: {
    by: ["hub"],
    code: "DEADLINE_EXCEEDED",
    means: "the deadline passed before the request started",
  },
  DEADLINE_RUNNING: {
    by: ["hub"],
    code: "DEADLINE_EXCEEDED",
    means: "the deadline passed while the request ran",
  },
  RUN_TIMEOUT: {
    by: ["hub"],
    code: "DEADLINE_EXCEEDED",
    means: "an attempt ran longer than the caller allows",
  },
  CLIENT_CANCELLED: { by: ["hub", "client"], code: "CANCELLED", means: "the caller cancelled" },
  INTERNAL: { by: ["hub", "client"], code: "INTERNAL", means: "a bug in the hub or the client" },

  // Reasons for which the client fails a request without a status from the hub.
  NOT_CONNECTED: { by: ["client"], code: "UNAVAILABLE", means: "no hub answers at the address" },
  CONNECTION_LOST: {
    by: ["client"],
    code: "UNAVAILABLE",
    means: "the connection to the hub broke",
  },
  OUTBOX_FULL: {
    by: ["client"],
    code: "RESOURCE_EXHAUSTED",
    means: "too many bytes are waiting in the client to be sent",
  },
  TRANSPORT: { by: ["client"], code: "INTERNAL", means: "the transport failed" },
  MESSAGE_TOO_LARGE: {
    by: ["client"],
    code: "RESOURCE_EXHAUSTED",
    means: "the answer is larger than the client accepts",
  },
  NO_ANSWER: {
    by: ["client"],
    code: "DEADLINE_EXCEEDED",
    means: "the hub was silent past the deadline",
  },
  NOT_A_HUB: { by: ["client"], code: "UNIMPLEMENTED", means: "the server is not a gibbs hub" },
  CLIENT_CLOSED: { by: ["client"], code: "CANCELLED", means: "the client was closed" },
  BAD_INPUT: { by: ["go"], code: "INVALID_ARGUMENT", means: "the input cannot be sent" },

  // Reasons for which the hub ends a worker's stream, or a client's Multiplex stream.
  PROTOCOL_VIOLATION: {
    by: ["hub", "kit"],
    code: "INVALID_ARGUMENT",
    means: "the peer broke a rule of the protocol",
  },
  SUPERSEDED: {
    by: ["hub", "kit"],
    code: "ABORTED",
    means: "the same worker process opened a newer stream",
  },
  CANCEL_IGNORED: {
    by: ["hub"],
    code: "ABORTED",
    means: "a cancelled job did not end within the grace period",
  },
  HELLO_TIMEOUT: { by: ["hub"], code: "DEADLINE_EXCEEDED", means: "no hello arrived in time" },
  WORKER_SILENT: { by: ["hub"], code: "UNAVAILABLE", means: "the worker was silent for too long" },
  TOO_MANY_WORKERS: {
    by: ["hub"],
    code: "RESOURCE_EXHAUSTED",
    means: "the hub accepts no more workers",
  },

  // Reasons for which something cannot start, or is stopped.
  BAD_ADDRESS: {
    by: ["hub", "client", "worker"],
    code: "INVALID_ARGUMENT",
    means: "an address is malformed",
  },
  HUB_STATE: { by: ["hub"], code: "FAILED_PRECONDITION", means: "listen() was called twice" },
  INSECURE_LISTEN: {
    by: ["hub"],
    code: "FAILED_PRECONDITION",
    means: "the address is not loopback, and `insecure` is not set",
  },
  ADDRESS_IN_USE: {
    by: ["hub"],
    code: "FAILED_PRECONDITION",
    means: "the port or socket is taken",
  },
  LISTEN_FAILED: {
    by: ["hub", "kit"],
    code: "FAILED_PRECONDITION",
    means: "the system refuses to listen there",
  },
  NO_HANDLER: {
    by: ["worker"],
    code: "INVALID_ARGUMENT",
    means: "the value to serve is not a handler",
  },
  MODULE_NOT_FOUND: { by: ["worker"], code: "NOT_FOUND", means: "the module does not exist" },
  NO_LOADER: { by: ["worker"], code: "FAILED_PRECONDITION", means: "Node cannot load TypeScript" },
  START_FAILED: { by: ["worker", "cli"], code: "FAILED_PRECONDITION", means: "no process came up" },
  STOPPED: { by: ["worker"], code: "CANCELLED", means: "the worker was stopped" },
  WORKER_NOT_STARTED: {
    by: ["kit"],
    code: "FAILED_PRECONDITION",
    means: "the command did not start a worker",
  },
  BAD_LINE: {
    by: ["cli"],
    code: "INVALID_ARGUMENT",
    means: "an input line is not a JSON value that can be sent",
  },
} as const;

/** The machine-readable reason for a failure. */
export type Reason = keyof typeof reasons;

/** The error for `reason`, with the code from the table. */
export function gibbsError(
  reason: Exclude<Reason, "DECLARED">,
  message: string,
  details?: Omit<GibbsErrorDetails, "reason">,
): GibbsError {
  return new GibbsError(reasons[reason].code, message, { ...details, reason });
}
