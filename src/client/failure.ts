import { ClientError } from "nice-grpc";
import { GibbsError, type GibbsErrorDetails, messageOf } from "../base/error.js";
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
