import { create, toBinary } from "@bufbuild/protobuf";
import type { RequestOptions } from "../base/options.js";
import {
  RequestOptionsSchema,
  type RequestOptions as WireRequestOptions,
} from "../gen/gibbs/v1/hub_pb.js";
import { toDuration } from "./duration.js";

/**
 * The part of a caller's options, checked before, that travels in the message;
 * undefined if there is nothing to say.
 */
export function toRequestOptions({
  requestId,
  idempotent,
  maxAttempts,
  queueTimeoutMs,
  runTimeoutMs,
}: RequestOptions): WireRequestOptions | undefined {
  const given = requestId ?? idempotent ?? maxAttempts ?? queueTimeoutMs ?? runTimeoutMs;
  if (given === undefined) return undefined;
  return create(RequestOptionsSchema, {
    ...(requestId !== undefined && { requestId }),
    ...(idempotent !== undefined && { idempotent }),
    ...(maxAttempts !== undefined && { maxAttempts }),
    ...(isLimit(queueTimeoutMs) && { queueTimeout: toDuration(queueTimeoutMs) }),
    ...(isLimit(runTimeoutMs) && { runTimeout: toDuration(runTimeoutMs) }),
  });
}

/** {@link toRequestOptions}, encoded; no bytes if there is nothing to say. */
export function encodeRequestOptions(options: RequestOptions): Uint8Array {
  const message = toRequestOptions(options);
  return message === undefined ? NOTHING : toBinary(RequestOptionsSchema, message);
}

const NOTHING: Uint8Array = new Uint8Array();

/** 31 years: no limit, and less than a Duration can hold. */
const NO_LIMIT_MS = 1e12;

function isLimit(ms: number | undefined): ms is number {
  return ms !== undefined && ms < NO_LIMIT_MS;
}
