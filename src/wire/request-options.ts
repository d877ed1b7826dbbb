import { create } from "@bufbuild/protobuf";
import { checkRequestOptions } from "../base/check-options.js";
import type { RequestOptions } from "../base/options.js";
import {
  RequestOptionsSchema,
  type RequestOptions as WireRequestOptions,
} from "../gen/gibbs/v1/hub_pb.js";
import { toDuration } from "./duration.js";

export type { WireRequestOptions };

/**
 * The part of a caller's options that travels in the message.
 *
 * @throws GibbsError INVALID_ARGUMENT / BAD_OPTION.
 */
export function toRequestOptions(options: RequestOptions): WireRequestOptions {
  checkRequestOptions(options);
  const { requestId, idempotent, maxAttempts, queueTimeoutMs, runTimeoutMs } = options;
  return create(RequestOptionsSchema, {
    ...(requestId !== undefined && { requestId }),
    ...(idempotent !== undefined && { idempotent }),
    ...(maxAttempts !== undefined && { maxAttempts }),
    ...(isLimit(queueTimeoutMs) && { queueTimeout: toDuration(queueTimeoutMs) }),
    ...(isLimit(runTimeoutMs) && { runTimeout: toDuration(runTimeoutMs) }),
  });
}

/** 31 years: no limit, and less than a Duration can hold. */
const NO_LIMIT_MS = 1e12;

function isLimit(ms: number | undefined): ms is number {
  return ms !== undefined && ms < NO_LIMIT_MS;
}
