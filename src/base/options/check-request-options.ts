import { badRequestOption } from "../errors/failures.js";
import type { RequestOptions } from "./common-options.js";
import { fixed } from "./limits.js";

/**
 * Checks a request's options: times must not be negative (`Infinity` means no limit), and metadata
 * must be valid for gRPC.
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
  throw badRequestOption(`${what} must be a non-negative number, not ${value}`);
}

function checkName(what: string, name: unknown): void {
  if (typeof name !== "string" || name.length > fixed.maxNameLength) {
    throw badRequestOption(`${what} must be a string of at most ${fixed.maxNameLength} characters`);
  }
  if (!name.isWellFormed()) throw badRequestOption(`${what} has a lone surrogate`);
}

/**
 * gRPC's rules: lower-case keys (others are lowercased), printable ASCII values, bytes for `-bin`
 * keys.
 */
function checkMetadata(key: string, value: unknown): void {
  const name = key.toLowerCase();
  const isBytes = name.endsWith("-bin");
  const fitting = isBytes
    ? value instanceof Uint8Array
    : typeof value === "string" && /^[ -~]*$/.test(value);
  if (fitting && /^[0-9a-z_.-]+$/.test(name) && !name.startsWith("grpc-")) return;
  const kind = isBytes ? "bytes" : "printable ASCII";
  throw badRequestOption(`the metadata ${key} must have a valid gRPC key and be ${kind}`);
}
