import { badRequestOption } from "./failures.js";
import { fixed, type RequestOptions } from "./options.js";
import { gibbsError } from "./reasons.js";

const UINT32 = 2 ** 32 - 1;
const INT32 = 2 ** 31 - 1;

/** What a number may be, where that is not simply a whole number from 0. */
const bounds: Readonly<Record<string, readonly [min: number, max: number]>> = {
  maxConnections: [1, UINT32],
  maxWorkers: [1, UINT32],
  slowReaderTimeoutMs: [1, INT32],
  maxSlots: [1, UINT32],
  maxOpenCalls: [1, UINT32],
  maxPayloadBytes: [1, INT32 - fixed.envelopeBytes],
  heartbeatIntervalMs: [1, INT32],
  livenessTimeoutMs: [200, INT32],
  hubTimeoutMs: [1, INT32],
  cancelGraceMs: [0, INT32],
  defaultTimeoutMs: [1, INT32],
  maxTimeoutMs: [1, INT32],
  slots: [1, UINT32],
  count: [1, 10_000],
  concurrency: [1, 1_000_000],
  noWorkerTimeoutMs: [0, Number.POSITIVE_INFINITY],
};

/**
 * `defaults` with what `given` sets; what is undefined counts as not set.
 *
 * @throws GibbsError INVALID_ARGUMENT / BAD_OPTION if a number is replaced by
 * something that is not a whole number within its bounds.
 */
export function withDefaults<T extends object>(defaults: T, given: Partial<T>): T {
  const merged = { ...defaults };
  for (const key of Object.keys(defaults) as (keyof T & string)[]) {
    const value = given[key];
    if (value === undefined) continue;
    if (typeof defaults[key] === "number") checkNumber(key, value);
    else checkKind(key, defaults[key], value);
    merged[key] = value as T[typeof key];
  }
  return merged;
}

function checkKind(key: string, usual: unknown, value: unknown): void {
  const same = Array.isArray(usual) ? Array.isArray(value) : typeof value === typeof usual;
  if (same && value !== null) return;
  const kind = Array.isArray(usual) ? "an array" : `a ${typeof usual}`;
  const message = `the option ${key} must be ${kind}, not ${String(value)}`;
  throw gibbsError("BAD_OPTION", message);
}

function checkNumber(key: string, value: unknown): void {
  const [min, max] = bounds[key] ?? [0, Number.MAX_SAFE_INTEGER];
  const isWhole = Number.isSafeInteger(value) || value === Number.POSITIVE_INFINITY;
  if (isWhole && (value as number) >= min && (value as number) <= max) return;
  const message = `the option ${key} must be a whole number from ${min} to ${max}, not ${String(value)}`;
  throw gibbsError("BAD_OPTION", message);
}

/**
 * Checks a request's options: times must not be negative, `Infinity` is no limit;
 * metadata must be what gRPC can send.
 *
 * @throws GibbsError INVALID_ARGUMENT / BAD_OPTION, not started.
 */
export function checkRequestOptions(options: RequestOptions): void {
  const { maxAttempts = 1 } = options;
  checkTime("timeoutMs", options.timeoutMs);
  checkTime("queueTimeoutMs", options.queueTimeoutMs);
  checkTime("runTimeoutMs", options.runTimeoutMs);
  if (!Number.isInteger(maxAttempts) || maxAttempts < 1 || maxAttempts > fixed.maxAttempts) {
    throw badRequestOption(`maxAttempts must be 1 to ${fixed.maxAttempts}, not ${maxAttempts}`);
  }
  const { method = "", requestId = "", idempotent = false, metadata, signal } = options;
  if (typeof idempotent !== "boolean") throw badRequestOption("idempotent must be a boolean");
  checkName("method", method);
  checkName("requestId", requestId);
  if (signal !== undefined && typeof signal?.addEventListener !== "function") {
    throw badRequestOption("signal must be an AbortSignal");
  }
  if (metadata === undefined) return;
  let bytes = 0;
  for (const [key, value] of Object.entries(metadata)) {
    checkMetadata(key, value);
    bytes += key.length + value.length;
  }
  if (bytes <= fixed.maxMetadataBytes) return;
  throw badRequestOption(`the metadata has ${bytes} bytes, more than ${fixed.maxMetadataBytes}`);
}

function checkTime(what: string, value: unknown = 0): void {
  if (typeof value === "number" && value >= 0) return;
  throw badRequestOption(`${what} must be a number that is not negative, not ${value}`);
}

function checkName(what: string, name: unknown): void {
  if (typeof name === "string" && name.length <= fixed.maxNameLength) return;
  throw badRequestOption(`${what} must be a string of at most ${fixed.maxNameLength} characters`);
}

/** What gRPC takes: lower case keys (others are lowered), ASCII text, bytes under `-bin`. */
function checkMetadata(key: string, value: unknown): void {
  const name = key.toLowerCase();
  const isBytes = name.endsWith("-bin");
  const fitting = isBytes
    ? value instanceof Uint8Array
    : typeof value === "string" && /^[ -~]*$/.test(value);
  if (fitting && /^[0-9a-z_.-]+$/.test(name) && !name.startsWith("grpc-")) return;
  const kind = isBytes ? "bytes" : "printable ASCII";
  throw badRequestOption(`the metadata ${key} must be named as gRPC allows and be ${kind}`);
}
