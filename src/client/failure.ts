import type { StatusObject } from "@grpc/grpc-js";
import {
  type Code,
  type Execution,
  GibbsError,
  type GibbsErrorDetails,
  messageOf,
} from "../base/errors/error.js";
import { gibbsError, type Reason } from "../base/errors/reasons.js";
import { DETAILS_KEY, fromStatus } from "../wire/grpc/status.js";
import { clientFixed } from "./options.js";

/** The meaning of a status made by the transport rather than the hub, by code. */
const bareReasons: Partial<Record<Code, { reason: Reason; hint: string }>> = {
  UNAVAILABLE: { reason: "CONNECTION_LOST", hint: "the connection to the hub was lost" },
  INTERNAL: { reason: "TRANSPORT", hint: "the transport failed" },
  RESOURCE_EXHAUSTED: { reason: "MESSAGE_TOO_LARGE", hint: "a message is too large" },
  UNIMPLEMENTED: { reason: "NOT_A_HUB", hint: "the server is not a gibbs hub" },
};

/**
 * grpc-js's message for a stream reset with ENHANCE_YOUR_CALM, which the hub sends to slow readers.
 */
const ENHANCE_YOUR_CALM = "Bandwidth exhausted or memory limit exceeded";

const slowReader = { reason: "SLOW_READER", hint: "the answers were not read" } as const;

/**
 * Converts the status of a failed gRPC call to the caller's error; `known` fills in what the status
 * does not say.
 */
export function explainError(
  { code, details, metadata }: StatusObject,
  known: GibbsErrorDetails,
): GibbsError {
  const error = fromStatus(code, details, metadata.get(DETAILS_KEY)[0]);
  if (error.reason !== "") return error;
  const bare = details === ENHANCE_YOUR_CALM ? slowReader : bareReasons[error.code];
  if (bare === undefined) return new GibbsError(error.code, error.message, known);
  const { reason, hint } = bare;
  return new GibbsError(error.code, `${hint}: ${error.message}`, { ...known, reason });
}

/** Why the client itself ended a call. */
export type GivenUp = Extract<Reason, "CLIENT_CANCELLED" | "CLIENT_CLOSED" | "NO_ANSWER">;

const givenUpAs: Record<GivenUp, string> = {
  CLIENT_CANCELLED: "the caller cancelled",
  CLIENT_CLOSED: "the client is closed",
  NO_ANSWER: "the hub did not answer in time",
};

/** The error of a call that the client itself ended. */
export function givenUp(
  reason: GivenUp,
  execution: Execution,
  requestId: string | undefined,
  cause: unknown,
): GibbsError {
  return gibbsError(reason, givenUpAs[reason], { cause, requestId, execution });
}

/** The error of a call, sent or not, whose stream ended. */
export function streamBroke(
  requestId: string | undefined,
  wasSent: boolean,
  error: GibbsError,
): GibbsError {
  const { code, message, reason } = error;
  const execution = wasSent ? "UNKNOWN" : "NOT_STARTED";
  return new GibbsError(code, message, { reason, execution, requestId, cause: error });
}

/** The hub ended a stream cleanly while calls were on it. */
export function closedByHub(): GibbsError {
  return gibbsError("CONNECTION_LOST", "the hub ended the stream");
}

/** The hub sent a message that does not decode. */
export function unreadable(cause: unknown): GibbsError {
  const message = `the hub sent a malformed message: ${messageOf(cause)}`;
  return gibbsError("TRANSPORT", message, { cause });
}

/** Too many bytes are waiting to be sent. */
export function outboxFull(requestId: string | undefined): GibbsError {
  const message = `${clientFixed.maxUnsentBytes} bytes are waiting to be sent: the hub or the network is too slow`;
  return gibbsError("OUTBOX_FULL", message, { execution: "NOT_STARTED", requestId });
}

/** The input is larger than the hub accepts. */
export function tooLarge(
  requestId: string | undefined,
  bytes: number,
  maxBytes: number,
): GibbsError {
  const message = `the payload has ${bytes} bytes, more than ${maxBytes}`;
  return gibbsError("PAYLOAD_TOO_LARGE", message, { execution: "NOT_STARTED", requestId });
}

/** The answer is larger than this client accepts; only its own call fails. */
export function responseTooLarge(
  requestId: string | undefined,
  bytes: number,
  maxBytes: number,
): GibbsError {
  const message = `the answer has ${bytes} bytes, more than ${maxBytes}: see maxPayloadBytes`;
  return gibbsError("MESSAGE_TOO_LARGE", message, { execution: "FINISHED", requestId });
}
