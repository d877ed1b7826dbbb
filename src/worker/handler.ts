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

/** What a handler receives besides its input. */
export interface JobContext {
  /** Fires when the answer is no longer wanted. */
  signal: AbortSignal;
  /** The number of this attempt, from 1. */
  attempt: number;
  /** The part of the caller's gRPC metadata that the hub forwards. */
  metadata: Readonly<Record<string, string | Uint8Array>>;
  /** The request's id, the same for all its attempts. */
  requestId: string;
  /**
   * The time that this attempt had left when the job arrived, in milliseconds; undefined if there
   * is no limit.
   */
  timeoutMs: number | undefined;
}

/**
 * A function that handles requests: it takes the input (JSON-like data or a `Uint8Array`) and
 * returns the answer, directly or as a promise, or throws. A thrown `GibbsError` sets the code that
 * the caller gets; anything else that is thrown becomes UNKNOWN / HANDLER_ERROR.
 */
export type Handler = (input: never, context: JobContext) => unknown;

/**
 * A model class, instantiated once per process with the worker's `args`; its `call` method is the
 * handler.
 */
export type HandlerClass = new (...args: never[]) => { call: Handler };

/** A single handler, or several keyed by method name. */
export type Handlers = Handler | HandlerClass | Readonly<Record<string, Handler | HandlerClass>>;

/** Ready-to-call handlers, keyed by method name. */
export type HandlerTable = ReadonlyMap<string, Handler>;

/**
 * Builds callable handlers, instantiating those that are classes.
 *
 * @param method the method that a single handler serves.
 * @throws GibbsError INVALID_ARGUMENT / NO_HANDLER if `handlers` is not a handler, BAD_OPTION if a
 * method has a lone surrogate, and whatever a constructor throws.
 */
export function buildHandlers(
  handlers: unknown,
  method: string,
  args: readonly unknown[],
): HandlerTable {
  if (typeof handlers === "function") {
    return new Map([[wellFormed(method), buildHandler(handlers, args)]]);
  }
  if (typeof handlers === "object" && handlers !== null) {
    const entries = Object.entries(handlers);
    if (entries.length > 0) {
      return new Map(entries.map(([name, one]) => [wellFormed(name), buildHandler(one, args)]));
    }
  }
  throw noHandler(`${handlers === null ? "null" : typeof handlers} is not a handler`);
}

/**
 * Runs one job: decodes its input, calls its handler, and encodes the answer. Never throws: every
 * failure becomes an outcome.
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
    return {
      kind: "nack",
      execution: "NOT_STARTED",
      reason: `this worker has no method "${method}"`,
    };
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
  if (typeof handler !== "function") throw noHandler(`${typeof handler} is not a handler`);
  if (typeof handler.prototype?.call === "function") {
    const model = new (handler as HandlerClass)(...(args as never[]));
    return (input, context) => model.call(input, context);
  }
  if (/^class\b/.test(Function.prototype.toString.call(handler))) {
    throw noHandler(`the class ${handler.name} has no method call(input)`);
  }
  return handler as Handler;
}

/** Returns a method's name. Under any other the hub would send it jobs that no handler takes. */
function wellFormed(method: string): string {
  if (method.isWellFormed()) return method;
  throw gibbsError("BAD_OPTION", `the method ${JSON.stringify(method)} has a lone surrogate`);
}

function noHandler(what: string): GibbsError {
  const hint =
    "give a function, a class with a method call(input), or an object that maps method names to either";
  return gibbsError("NO_HANDLER", `${what}: ${hint}`);
}

function describe(thrown: unknown, sendStacks: boolean): Partial<JobFailure> {
  try {
    return describeUnsafely(thrown, sendStacks);
  } catch {
    // A thrown value may throw again when inspected.
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

/** Checks the shape, not the class: a handler may use another copy of this package. */
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
