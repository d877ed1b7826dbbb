import type { KeptBytes } from "../../base/bytes.js";
import { GibbsError } from "../../base/errors/error.js";
import { badRequestOption, internal } from "../../base/errors/failures.js";
import { fixed } from "../../base/options/limits.js";
import type { Call } from "../../wire/messages/multiplex.js";
import type { MetadataPair, Submission } from "../core/requests/request.js";
import type { Peer } from "../core/requests/unread.js";
import type { HubSettings } from "../options.js";

/** The parts of a request's message that describe it. */
export type RequestFields = Pick<Call<KeptBytes>, "payload" | "method" | "options">;

/** What is needed to complete a request before it is submitted to the core. */
export interface SubmissionContext {
  limits: Pick<HubSettings, "defaultTimeoutMs" | "maxTimeoutMs">;
  /** The id of a request that has none of its own, or the number to make it from. */
  nextRequestId(): string | number;
}

/**
 * Checks a caller's request and fills in the hub's defaults. `timeoutMs` is undefined for a caller
 * without a deadline, `peer` for one in this process.
 *
 * @throws GibbsError INVALID_ARGUMENT / BAD_OPTION, not started.
 */
export function toSubmission(
  { payload, method, options }: RequestFields,
  metadata: MetadataPair[],
  timeoutMs: number | undefined,
  peer: Peer | undefined,
  { limits, nextRequestId }: SubmissionContext,
): Submission {
  const requestId = options?.requestId || nextRequestId();
  const maxAttempts = options?.maxAttempts ?? fixed.defaultAttempts;
  checkName("method", method);
  checkName("request_id", options?.requestId);
  checkMetadata(metadata);
  if (maxAttempts < 1 || maxAttempts > fixed.maxAttempts) {
    throw badRequestOption(`max_attempts is ${maxAttempts}, not 1 to ${fixed.maxAttempts}`);
  }
  return {
    requestId,
    peer,
    method,
    payload,
    metadata,
    timeoutMs: Math.min(timeoutMs ?? limits.defaultTimeoutMs, limits.maxTimeoutMs),
    queueTimeoutMs: toLimit("queue_timeout", options?.queueTimeoutMs),
    runTimeoutMs: toLimit("run_timeout", options?.runTimeoutMs),
    idempotent: options?.idempotent,
    maxAttempts,
  };
}

function checkName(what: string, name = ""): void {
  if (name.length <= fixed.maxNameLength) return;
  throw badRequestOption(`${what} has ${name.length} characters, more than ${fixed.maxNameLength}`);
}

function checkMetadata(metadata: readonly MetadataPair[]): void {
  const bytes = metadata.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
  if (bytes <= fixed.maxMetadataBytes) return;
  throw badRequestOption(
    `the metadata for the worker has ${bytes} bytes, more than ${fixed.maxMetadataBytes}`,
  );
}

function toLimit(what: string, ms: number | undefined): number | undefined {
  if (ms !== undefined && ms < 0) throw badRequestOption(`${what} is negative`);
  return ms;
}

/** Converts a submission's error to the one that its caller sees. */
export function asGibbsError(error: unknown): GibbsError {
  return error instanceof GibbsError ? error : internal(error, "UNKNOWN");
}
