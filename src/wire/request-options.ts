import { create } from "@bufbuild/protobuf";
import type { RequestOptions } from "../base/options.js";
import {
  RequestOptionsSchema,
  type RequestOptions as WireOptions,
} from "../gen/gibbs/v1/hub_pb.js";
import { toDuration } from "./duration.js";

/** The part of a caller's options that travels in the message. */
export function toRequestOptions(options: RequestOptions): WireOptions {
  const { requestId, idempotent, maxAttempts, queueTimeoutMs, runTimeoutMs } = options;
  return create(RequestOptionsSchema, {
    ...(requestId !== undefined && { requestId }),
    ...(idempotent !== undefined && { idempotent }),
    ...(maxAttempts !== undefined && { maxAttempts }),
    ...(queueTimeoutMs !== undefined && { queueTimeout: toDuration(queueTimeoutMs) }),
    ...(runTimeoutMs !== undefined && { runTimeout: toDuration(runTimeoutMs) }),
  });
}
