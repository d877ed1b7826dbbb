import type { RequestOptions } from "../../base/options/common-options.js";
import type { RequestOptions as WireRequestOptions } from "../../gen/gibbs/v1/hub_codec.js";

/**
 * The part of a caller's checked options that is sent in the message; undefined if nothing is set.
 */
export function toRequestOptions(options: RequestOptions): WireRequestOptions | undefined {
  const { requestId = "", idempotent, maxAttempts } = options;
  const queueTimeoutMs = toLimit(options.queueTimeoutMs);
  const runTimeoutMs = toLimit(options.runTimeoutMs);
  const given = idempotent ?? maxAttempts ?? queueTimeoutMs ?? runTimeoutMs;
  if (requestId === "" && given === undefined) return undefined;
  return { requestId, idempotent, maxAttempts, queueTimeoutMs, runTimeoutMs };
}

/** 31 years, which means no limit and still fits into a Duration. */
const NO_LIMIT_MS = 1e12;

function toLimit(ms: number | undefined): number | undefined {
  return ms === undefined || ms >= NO_LIMIT_MS ? undefined : ms;
}
