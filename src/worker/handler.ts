import { type ErrorDetail, type GibbsError, messageOf } from "../base/errors/error.js";
import { gibbsError } from "../base/errors/reasons.js";
import {
  clip,
  fitting,
  MAX_MESSAGE_BYTES,
  MAX_STACK_BYTES,
  numberOf,
  packHandlerDetails,
} from "../wire/grpc/status.js";
import { decodePayload, encodePayload, MAX_ANSWER_DEPTH } from "../wire/payload/payload.js";
import {
  type Abort,
  failed,
  type JobFailure,
  type JobInput,
  type JobOutcome,
  tooLarge,
} from "./executor.js";

/** What a handler is told beside its input. */
export interface JobContext {
  /** Fires when nobody waits for the answer any more. */
  signal: AbortSignal;
  /** Which attempt of the request this is, from 1. */
  attempt: number;
  /** What the hub forwards of the caller's gRPC metadata. */
  metadata: Readonly<Record<string, string | Uint8Array>>;
  /** The request, the same over all attempts. */
  requestId: string;
  /** What was left of the caller's time when the job arrived, in milliseconds; undefined: no limit. */
  timeoutMs: number | undefined;
}

/**
 * The code behind the hub: called with the input (JSON-like data or a
 * `Uint8Array`), returns the answer or a promise of it, or throws. A thrown
 * `GibbsError` gives the caller its code; anything else is UNKNOWN / HANDLER_ERROR.
 */
export type Handler = (input: never, context: JobContext) => unknown;

/** A model: built once a process with the worker's `args`, then its `call` is the handler. */
export type HandlerClass = new (...args: never[]) => { call: Handler };

/** One handler for one method, or several by method. */
export type Handlers = Handler | HandlerClass | Readonly<Record<string, Handler | HandlerClass>>;

/** Handlers that are ready to be called, by method. */
export type HandlerTable = ReadonlyMap<string, Handler>;

/**
 * Makes handlers callable: builds the classes.
 *
 * @param method the method of a single handler.
 * @throws GibbsError INVALID_ARGUMENT / NO_HANDLER for what is no handler, and
 * whatever a constructor throws.
 */
export function buildHandlers(
  handlers: unknown,
  method: string,
  args: readonly unknown[],
): HandlerTable {
  if (typeof handlers === "function") return new Map([[method, buildHandler(handlers, args)]]);
  if (typeof handlers === "object" && handlers !== null) {
    const entries = Object.entries(handlers);
    if (entries.length > 0) {
      return new Map(entries.map(([name, one]) => [name, buildHandler(one, args)]));
    }
  }
  throw noHandler(`${handlers === null ? "null" : typeof handlers} is no handler`);
}

/**
 * Runs one job: decodes its input, calls its handler, encodes the answer. Never
 * throws: every fault is an outcome.
 */
export async function runHandler(
  handlers: HandlerTable,
  job: JobInput,
  abort: Abort,
  options: { maxPayloadBytes: number; sendStacks: boolean },
): Promise<JobOutcome> {
  const { method } = job;
  const handler = handlers.get(method);
  if (handler === undefined) {
    return { kind: "nack", execution: "NOT_STARTED", reason: `no method "${method}" here` };
  }
  let input: unknown;
  try {
    input = decodePayload(job.payload);
  } catch (error) {
    const message = `the input cannot be decoded: ${messageOf(error)}`;
    return failed({ message, reason: "MALFORMED" });
  }
  try {
    const context = new HandlerContext(job, abort);
    const payload = encodePayload(await handler(input as never, context), MAX_ANSWER_DEPTH);
    if (payload.length <= options.maxPayloadBytes) return { kind: "payload", payload };
    return tooLarge(payload.length, options.maxPayloadBytes);
  } catch (error) {
    return failed(describe(error, options.sendStacks));
  }
}

class HandlerContext implements JobContext {
  readonly attempt: number;
  readonly metadata: JobContext["metadata"];
  readonly requestId: string;
  readonly timeoutMs: number | undefined;
  readonly #abort: Abort;

  constructor({ attempt, metadata, requestId, timeoutMs }: JobInput, abort: Abort) {
    this.attempt = attempt;
    this.metadata = metadata;
    this.requestId = requestId;
    this.timeoutMs = timeoutMs;
    this.#abort = abort;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }
}

function buildHandler(handler: unknown, args: readonly unknown[]): Handler {
  if (typeof handler !== "function") throw noHandler(`${typeof handler} is no handler`);
  if (typeof handler.prototype?.call === "function") {
    const model = new (handler as HandlerClass)(...(args as never[]));
    return (input, context) => model.call(input, context);
  }
  if (/^class\b/.test(Function.prototype.toString.call(handler))) {
    throw noHandler(`the class ${handler.name} has no method call(input)`);
  }
  return handler as Handler;
}

function noHandler(what: string): GibbsError {
  const hint =
    "give a function, a class with a method call(input), or an object of those by method";
  return gibbsError("NO_HANDLER", `${what}: ${hint}`);
}

function describe(thrown: unknown, sendStacks: boolean): Partial<JobFailure> {
  try {
    return describeUnsafely(thrown, sendStacks);
  } catch {
    // Whatever is thrown may throw again when it is looked at.
    return { message: "the handler threw a value that cannot be shown" };
  }
}

function describeUnsafely(thrown: unknown, sendStacks: boolean): Partial<JobFailure> {
  const message = clip(messageOf(thrown), MAX_MESSAGE_BYTES);
  if (!(thrown instanceof Error)) return { type: typeof thrown, message };
  const stack = sendStacks ? clip(String(thrown.stack), MAX_STACK_BYTES) : "";
  return {
    ...declared(thrown),
    type: clip(String(thrown.name), MAX_MESSAGE_BYTES),
    message,
    stack,
  };
}

/** By shape, not by class: a handler may have another copy of this package. */
function declared(error: Error): Partial<JobFailure> {
  if (error.name !== "GibbsError" || !("code" in error)) return {};
  const { code, retryAfterMs, details } = error as Partial<GibbsError>;
  const isTime = Number.isFinite(retryAfterMs) && Number(retryAfterMs) >= 0;
  const packed = packHandlerDetails({
    retryAfterMs: isTime ? retryAfterMs : undefined,
    details: Array.isArray(details) ? details.filter(isDetail) : [],
  });
  return { code: numberOf(code), details: fitting(packed) };
}

function isDetail(detail: Partial<ErrorDetail> | null): boolean {
  return typeof detail?.typeUrl === "string" && detail.value instanceof Uint8Array;
}
