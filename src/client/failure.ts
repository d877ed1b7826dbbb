import type { StatusObject } from "@grpc/grpc-js";
import {
  type Code,
  type Execution,
  GibbsError,
  type GibbsErrorDetails,
  messageOf,
} from "../base/error.js";
import { fixed } from "../base/options.js";
import { DETAILS_KEY, fromStatus } from "../wire/status.js";

/** What a status means that the transport made and not the hub, by its code. */
const bareReasons: Partial<Record<GibbsError["code"], { reason: string; hint: string }>> = {
  UNAVAILABLE: { reason: "CONNECTION_LOST", hint: "the connection to the hub was lost" },
  INTERNAL: { reason: "TRANSPORT", hint: "the transport failed" },
  RESOURCE_EXHAUSTED: { reason: "MESSAGE_TOO_LARGE", hint: "a message is too large" },
  UNIMPLEMENTED: { reason: "NOT_A_HUB", hint: "what listens there is no gibbs hub" },
};

/** What grpc-js says of a stream that was reset with ENHANCE_YOUR_CALM, as the hub does with who does not read. */
const ENHANCE_YOUR_CALM = "Bandwidth exhausted or memory limit exceeded";

const slowReader = { reason: "SLOW_READER", hint: "the answers were not read" };

/** How a gRPC call failed, as the caller sees it; what is `known` counts where the status does not say. */
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
export type GivenUp = "CLIENT_CANCELLED" | "CLIENT_CLOSED" | "NO_ANSWER";

const givenUpAs: Record<GivenUp, { code: Code; message: string }> = {
  CLIENT_CANCELLED: { code: "CANCELLED", message: "the caller cancelled" },
  CLIENT_CLOSED: { code: "CANCELLED", message: "the client is closed" },
  NO_ANSWER: { code: "DEADLINE_EXCEEDED", message: "the hub did not answer in time" },
};

/** The error of a call that the client itself ended. */
export function givenUp(
  reason: GivenUp,
  execution: Execution,
  requestId: string | undefined,
  cause: unknown,
): GibbsError {
  const { code, message } = givenUpAs[reason];
  return new GibbsError(code, message, { cause, requestId, reason, execution });
}

/** What the end of its stream means for a call that was sent on it, or was not. */
export function streamBroke(
  requestId: string | undefined,
  wasSent: boolean,
  error: GibbsError,
): GibbsError {
  const { code, message, reason } = error;
  const execution = wasSent ? "UNKNOWN" : "NOT_STARTED";
  return new GibbsError(code, message, { reason, execution, requestId, cause: error });
}

/** The hub ended a stream well, with calls on it. */
export function closedByHub(): GibbsError {
  const message = "the hub ended the stream";
  return new GibbsError("UNAVAILABLE", message, { reason: "CONNECTION_LOST" });
}

/** The hub sent a message that does not decode. */
export function unreadable(cause: unknown): GibbsError {
  const message = `the hub sent what cannot be read: ${messageOf(cause)}`;
  return new GibbsError("INTERNAL", message, { reason: "TRANSPORT", cause });
}

/** Too much waits to be sent. */
export function outboxFull(requestId: string | undefined): GibbsError {
  const message = `${fixed.maxUnsentBytes} bytes wait to be sent: the hub, or the way to it, is too slow`;
  const details = { reason: "OUTBOX_FULL", execution: "NOT_STARTED", requestId } as const;
  return new GibbsError("RESOURCE_EXHAUSTED", message, details);
}

/** The input is larger than the hub takes. */
export function tooLarge(
  requestId: string | undefined,
  bytes: number,
  maxBytes: number,
): GibbsError {
  const message = `the payload has ${bytes} bytes, more than ${maxBytes}`;
  const details = { reason: "PAYLOAD_TOO_LARGE", execution: "NOT_STARTED", requestId } as const;
  return new GibbsError("INVALID_ARGUMENT", message, details);
}

/** The answer is larger than this client takes; it fails its own call and no other. */
export function responseTooLarge(
  requestId: string | undefined,
  bytes: number,
  maxBytes: number,
): GibbsError {
  const message = `the answer has ${bytes} bytes, more than ${maxBytes}: see maxPayloadBytes`;
  const details = { reason: "MESSAGE_TOO_LARGE", execution: "FINISHED", requestId } as const;
  return new GibbsError("RESOURCE_EXHAUSTED", message, details);
}

/** The output is not a payload. */
export function malformedResponse(requestId: string | undefined, cause: unknown): GibbsError {
  const message = `the worker's answer is no payload: ${messageOf(cause)}`;
  const details = { reason: "RESULT_MALFORMED", execution: "FINISHED", requestId, cause } as const;
  return new GibbsError("INTERNAL", message, details);
}
