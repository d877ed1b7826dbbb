import {
  create,
  type DescMessage,
  fromBinary,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { type Any, AnySchema, anyIs, anyPack, anyUnpack } from "@bufbuild/protobuf/wkt";
import { status as grpcStatus, Metadata, type StatusObject } from "@grpc/grpc-js";
import {
  type Code,
  type ErrorDetail,
  type Execution,
  GibbsError,
  type GibbsErrorDetails,
} from "../../base/errors/error.js";
import { type CallInfo, CallInfoSchema } from "../../gen/gibbs/v1/hub_pb.js";
import {
  DebugInfoSchema,
  type ErrorInfo,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "../../gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "../../gen/google/rpc/status_pb.js";
import { fromDuration, toDuration } from "../messages/duration.js";

/** The domain of every `google.rpc.ErrorInfo` from gibbs. */
const ERROR_DOMAIN = "gibbs";

const executions: readonly Execution[] = ["NOT_STARTED", "UNKNOWN", "FINISHED"];

/** The trailer that carries an encoded `google.rpc.Status`. */
export const DETAILS_KEY = "grpc-status-details-bin";
const PUSHBACK_KEY = "grpc-retry-pushback-ms";
/** After this many retries the pushback doubles no more: libraries make at most 5 attempts. */
const MAX_DOUBLINGS = 4;

// C-core and Java drop trailers from 8 to 16 KiB upwards, and the status with them.
/** The maximum size of an error message on the wire, in bytes of UTF-8. */
export const MAX_MESSAGE_BYTES = 1024;
/** The maximum size of an error's stack on the wire, in bytes of UTF-8. */
export const MAX_STACK_BYTES = 2048;
const MAX_FIELD_BYTES = 256;
/** The maximum size of everything in a failed call's status besides code and message. */
const MAX_DETAILS_BYTES = 4096;

/** A failure in the fields that `google.rpc.Status` and `gibbs.v1.CallStatus` share. */
export interface StatusFields {
  code: number;
  message: string;
  details: Any[];
}

/** Converts an error to its fields on the wire. */
export function toStatusFields(error: GibbsError): StatusFields {
  const details = [anyPack(ErrorInfoSchema, errorInfo(error)), ...callInfo(error)];
  details.push(...packHandlerDetails(error));
  if (error.remoteStack !== undefined) {
    const stackEntries = clip(error.remoteStack, MAX_STACK_BYTES).split("\n");
    details.push(anyPack(DebugInfoSchema, create(DebugInfoSchema, { stackEntries })));
  }
  const message = clip(error.message, MAX_MESSAGE_BYTES);
  return { code: grpcStatus[error.code], message, details: fitting(details) };
}

/**
 * Converts an error to the status that grpc-js ends a call with. `retries` is how often the
 * caller's library has sent the call again: each time doubles the pushback, because a library gives
 * up after a few attempts, and a drain may take long.
 */
export function toStatus(error: GibbsError, retries = 0): StatusObject {
  const fields = toStatusFields(error);
  const metadata = new Metadata();
  const pushback = pushbackOf(error, 2 ** Math.min(retries, MAX_DOUBLINGS));
  if (pushback !== undefined) metadata.set(PUSHBACK_KEY, pushback);
  metadata.set(DETAILS_KEY, Buffer.from(toBinary(StatusSchema, create(StatusSchema, fields))));
  return { code: fields.code, details: fields.message, metadata };
}

/**
 * Converts a call's status to the error its caller sees. `encodedDetails` is the value of the
 * trailer {@link DETAILS_KEY}.
 */
export function fromStatus(
  code: number,
  message: string,
  encodedDetails: Uint8Array | string | undefined,
): GibbsError {
  let details: Any[] = [];
  try {
    if (encodedDetails instanceof Uint8Array) {
      details = fromBinary(StatusSchema, encodedDetails).details;
    }
  } catch {
    // Malformed details are ignored; the code and message still apply.
  }
  return fromStatusFields({ code, message, details });
}

/** The inverse of {@link toStatusFields}. */
export function fromStatusFields({ code, message, details }: StatusFields): GibbsError {
  return new GibbsError(codeOf(code) ?? "UNKNOWN", message, readDetails(details));
}

/** The name of a gRPC status code; undefined for OK and for an unknown number. */
export function codeOf(number: number): Code | undefined {
  const name = grpcStatus[number];
  return name === undefined || name === "OK" ? undefined : (name as Code);
}

/** The number of a gRPC status code, given by name or number; 0 if it is not one. */
export function numberOf(code: unknown): number {
  if (typeof code === "number") return codeOf(code) === undefined ? 0 : code;
  const found = Object.entries(grpcStatus).find(([name]) => name === code)?.[1];
  return typeof found === "number" ? found : 0;
}

/** Makes `text` well-formed and truncates it between code points to at most `maxBytes` of UTF-8. */
export function clip(text: string, maxBytes: number): string {
  const wellFormed = text.toWellFormed();
  const bytes = Buffer.from(wellFormed, "utf8");
  if (bytes.length <= maxBytes) return wellFormed;
  let end = maxBytes - 3;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return `${bytes.toString("utf8", 0, end)}…`;
}

/**
 * What a handler's error carries besides code and message, as in `Failure.details` and
 * `Status.details`.
 */
export function packHandlerDetails({
  retryAfterMs,
  details,
}: Pick<GibbsError, "retryAfterMs" | "details">): Any[] {
  const packed = details.map(({ typeUrl, value }) => create(AnySchema, { typeUrl, value }));
  if (retryAfterMs === undefined) return packed;
  const retry = create(RetryInfoSchema, { retryDelay: toDuration(retryAfterMs) });
  return [anyPack(RetryInfoSchema, retry), ...packed];
}

/** The inverse of {@link packHandlerDetails}. */
export function unpackHandlerDetails(
  anys: readonly Any[],
): Pick<GibbsErrorDetails, "retryAfterMs"> & { details: ErrorDetail[] } {
  const found: ReturnType<typeof unpackHandlerDetails> = { details: [] };
  for (const any of anys) {
    const retryDelay = unpack(any, RetryInfoSchema)?.retryDelay;
    if (retryDelay !== undefined) found.retryAfterMs = toHint(fromDuration(retryDelay));
    // Reserved for this call's hub: a handler may pass on details from another hub.
    else if (isHubsWord(any)) continue;
    // A copy, because the value is a view that keeps the whole message alive.
    else found.details.push({ typeUrl: any.typeUrl, value: new Uint8Array(any.value) });
  }
  return found;
}

/** Returns undefined for a different message, or one that does not decode. */
function unpack<S extends DescMessage>(any: Any, schema: S): MessageShape<S> | undefined {
  try {
    return anyUnpack(any, schema);
  } catch {
    return undefined;
  }
}

/** The longest hint, in milliseconds: 31 years. */
const MAX_HINT_MS = 1e12;

function toHint(ms: number): number {
  return Math.min(Math.max(0, ms), MAX_HINT_MS);
}

function isHubsWord(any: Any): boolean {
  return unpack(any, ErrorInfoSchema)?.domain === ERROR_DOMAIN || anyIs(any, CallInfoSchema);
}

/** The details that fit into the limit, with earlier ones taking precedence. */
export function fitting(details: readonly Any[]): Any[] {
  let left = MAX_DETAILS_BYTES;
  return details.filter(({ typeUrl, value }) => {
    const bytes = typeUrl.length + value.length;
    if (bytes > left) return false;
    left -= bytes;
    return true;
  });
}

/** The hint that gRPC libraries' retry policies follow: when to try again, -1 for never. */
function pushbackOf(
  { retryAfterMs, execution, reason }: GibbsError,
  factor: number,
): string | undefined {
  if (retryAfterMs !== undefined) return String(Math.ceil(retryAfterMs * factor));
  // Retrying a declared error is up to the handler's author; anything else may have run.
  return execution === "NOT_STARTED" || reason === "DECLARED" ? undefined : "-1";
}

function callInfo({ requestId, workerId, attempts, queueTimeMs, runTimeMs }: GibbsError): Any[] {
  if (queueTimeMs === undefined || runTimeMs === undefined) return [];
  const times = { queueTime: toDuration(queueTimeMs), runTime: toDuration(runTimeMs) };
  const info = { requestId: requestId ?? "", workerId: workerId ?? "", attempts, ...times };
  return [anyPack(CallInfoSchema, create(CallInfoSchema, info))];
}

function errorInfo(error: GibbsError): ErrorInfo {
  const metadata: Record<string, string> = {
    attempts: String(error.attempts),
    execution: error.execution,
  };
  if (error.requestId !== undefined) metadata["request_id"] = error.requestId;
  if (error.remoteType !== undefined) {
    metadata["error_type"] = clip(error.remoteType, MAX_FIELD_BYTES);
  }
  return create(ErrorInfoSchema, { reason: error.reason, domain: ERROR_DOMAIN, metadata });
}

function readDetails(details: readonly Any[]): GibbsErrorDetails {
  const found: GibbsErrorDetails = {};
  const others = details.filter((any) => {
    // The hub's own detail comes first; any later one with that domain is not the hub's.
    const info = unpack(any, ErrorInfoSchema);
    if (info?.domain === ERROR_DOMAIN && found.reason === undefined) {
      return void Object.assign(found, readErrorInfo(info));
    }
    const call = unpack(any, CallInfoSchema);
    if (call !== undefined && found.queueTimeMs === undefined) {
      return void Object.assign(found, readCallInfo(call));
    }
    const stack = unpack(any, DebugInfoSchema)?.stackEntries;
    if (stack !== undefined) found.remoteStack = stack.join("\n");
    return stack === undefined;
  });
  return Object.assign(found, unpackHandlerDetails(others));
}

function readCallInfo({ workerId, queueTime, runTime }: CallInfo): GibbsErrorDetails {
  return {
    ...(workerId !== "" && { workerId }),
    ...(queueTime !== undefined && { queueTimeMs: fromDuration(queueTime) }),
    ...(runTime !== undefined && { runTimeMs: fromDuration(runTime) }),
  };
}

function readErrorInfo({ reason, metadata }: ErrorInfo): GibbsErrorDetails {
  const { attempts, execution, request_id: requestId, error_type: remoteType } = metadata;
  const known = executions.find((name) => name === execution);
  return {
    reason,
    attempts: Number(attempts ?? 0),
    ...(known !== undefined && { execution: known }),
    ...(requestId !== undefined && { requestId }),
    ...(remoteType !== undefined && { remoteType }),
  };
}
