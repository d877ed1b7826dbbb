import { ClientError } from "nice-grpc";
import {
  type Code,
  type Execution,
  GibbsError,
  type GibbsErrorDetails,
  messageOf,
} from "../base/error.js";
import { fromStatus } from "../wire/status.js";

/** What a status means that the transport made and not the hub, by its code. */
const bareReasons: Partial<Record<GibbsError["code"], { reason: string; hint: string }>> = {
  UNAVAILABLE: { reason: "CONNECTION_LOST", hint: "the connection to the hub was lost" },
  INTERNAL: { reason: "TRANSPORT", hint: "the transport failed" },
  RESOURCE_EXHAUSTED: { reason: "MESSAGE_TOO_LARGE", hint: "a message is too large" },
  UNIMPLEMENTED: { reason: "NOT_A_HUB", hint: "what listens there is no gibbs hub" },
};

/** Turns what a call threw into the error that the caller sees. */
export function toCallError(
  thrown: unknown,
  statusDetails: Uint8Array | undefined,
  requestId: string | undefined,
): GibbsError {
  if (thrown instanceof GibbsError) return thrown;
  const known: GibbsErrorDetails = { cause: thrown, ...(requestId !== undefined && { requestId }) };
  if (!(thrown instanceof ClientError)) {
    return new GibbsError("INTERNAL", messageOf(thrown), { ...known, reason: "INTERNAL" });
  }
  const error = fromStatus(thrown.code, thrown.details, statusDetails);
  if (error.reason !== "") return error;
  const bare = bareReasons[error.code];
  if (bare === undefined) return new GibbsError(error.code, error.message, known);
  return new GibbsError(error.code, `${bare.hint}: ${error.message}`, {
    ...known,
    reason: bare.reason,
  });
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
  const known = requestId === undefined ? { cause } : { cause, requestId };
  return new GibbsError(code, message, { ...known, reason, execution });
}
