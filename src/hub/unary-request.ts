import type { Clock, Timer } from "../base/clock.js";
import { GibbsError, messageOf } from "../base/error.js";
import { readRequest, writeResponse } from "../wire/relay.js";
import { toStatus } from "../wire/status.js";
import type { Caller, MetadataPair, Outcome, Submission, Ticket } from "./core/request.js";
import type { UnreadResponse } from "./core/unread.js";
import type { Engine } from "./engine.js";
import type { CallHandler, CallListener, ServerCall } from "./server-call.js";
import { asGibbsError, type SubmissionContext, toSubmission } from "./submission.js";

/**
 * The hub ends a call this much before its gRPC deadline, in milliseconds: at
 * the deadline itself the caller's library ends it with a bare status, and why it
 * ended, and whether it ran, would be lost.
 */
const DEADLINE_MARGIN_MS = 5;

/** A method and options need less; the whole message is kept, and only payloads are counted. */
const MAX_BESIDES_BYTES = 16 * 1024;

/** What is smaller is one or two reads, and counts when it is there. */
const SMALL_BYTES = 64 * 1024;

/** What the calls of `HubService.Request` at one hub have in common. */
export interface UnaryContext {
  engine: Engine;
  clock: Clock;
  submissions: SubmissionContext;
  /** The metadata keys that may reach workers. */
  forwardMetadata: readonly string[];
}

/** The handler of `HubService.Request`. */
export function requestHandler(context: UnaryContext): CallHandler {
  return (call) => new UnaryRequest(call, context);
}

/** One call of `HubService.Request`. Its payloads stay encoded. */
class UnaryRequest implements CallListener, Caller {
  readonly #call: ServerCall;
  readonly #context: UnaryContext;
  readonly #beganAt: number;
  #message: Buffer | undefined;
  /** While a message is on its way that counts: what ends that. */
  #arrived: (() => void) | undefined;
  /** How long the message may be on its way. */
  readonly #patience: Timer;
  #ticket: Ticket | undefined;
  #response: UnreadResponse | undefined;
  #isClosed = false;

  constructor(call: ServerCall, context: UnaryContext) {
    this.#call = call;
    this.#context = context;
    this.#beganAt = context.engine.now();
    const { defaultTimeoutMs, maxTimeoutMs } = context.submissions.limits;
    const { timeoutMs = defaultTimeoutMs } = call;
    const patienceMs = Number.isNaN(timeoutMs) ? defaultTimeoutMs : timeoutMs;
    this.#patience = context.clock.setTimer(Math.min(patienceMs, maxTimeoutMs), () =>
      call.refuse(toStatus(tooLate())),
    );
  }

  onAwaited(bytes: number): void {
    if (bytes < SMALL_BYTES || this.#arrived !== undefined) return;
    const arrived = this.#context.engine.arriving(bytes);
    if (typeof arrived === "function") this.#arrived = arrived;
    else this.#call.refuse(toStatus(arrived));
  }

  onMessage(message: Buffer): void {
    if (this.#message === undefined) this.#message = message;
    else this.#call.end(toStatus(malformed("a second message")));
  }

  onHalfClose(): void {
    this.#stopWaiting();
    let submission: Submission;
    try {
      submission = this.#toSubmission();
    } catch (error) {
      return this.#call.end(toStatus(asGibbsError(error)));
    }
    this.#ticket = this.#context.engine.submit(submission, this);
  }

  onClose(): void {
    this.#isClosed = true;
    this.#stopWaiting();
    const { engine } = this.#context;
    if (this.#response !== undefined) return engine.sent(this.#response);
    if (this.#ticket !== undefined) engine.cancel(this.#ticket);
  }

  /** The message is there, or will never be. */
  #stopWaiting(): void {
    this.#arrived?.();
    this.#patience.cancel();
  }

  #toSubmission(): Submission {
    const { submissions, forwardMetadata } = this.#context;
    const metadata: MetadataPair[] = forwardMetadata.flatMap((key) =>
      this.#call.header(key).map((value) => ({ key, value })),
    );
    const left = this.#timeLeftMs();
    if (Number.isNaN(left)) throw malformed("its grpc-timeout is none");
    // Whole, as a request keeps it.
    const timeoutMs = left && Math.ceil(left - Math.min(DEADLINE_MARGIN_MS, left / 10));
    const request = read(this.#message);
    return toSubmission(request, metadata, timeoutMs, this.#call.peer, submissions);
  }

  /** What is left of the time that the caller gave, if it gave one. */
  #timeLeftMs(): number | undefined {
    const { timeoutMs } = this.#call;
    return timeoutMs && timeoutMs - (this.#context.engine.now() - this.#beganAt);
  }

  settled(_callId: number, requestId: string, outcome: Outcome): void {
    const call = this.#call;
    if (outcome.kind === "failure") return call.end(toStatus(outcome.error));
    let response: Buffer;
    try {
      response = writeResponse(outcome.payload, { requestId, ...outcome.info });
    } catch (error) {
      return call.end(toStatus(malformedResult(error, requestId, outcome.info.attempts)));
    }
    call.answer(response);
    if (this.#isClosed) return;
    // Held against the caller until its connection has taken it.
    this.#response = this.#context.engine.sending(call.peer, response.length, () => call.abandon());
  }
}

function read(encoded: Buffer | undefined): ReturnType<typeof readRequest> {
  if (encoded === undefined) throw malformed("no message");
  try {
    const request = readRequest(encoded);
    const besides = encoded.length - request.payload.length;
    if (besides <= MAX_BESIDES_BYTES) return request;
    throw new Error(`${besides} bytes beside its payload`);
  } catch (error) {
    throw malformed(messageOf(error));
  }
}

function malformed(what: string): GibbsError {
  return new GibbsError("INVALID_ARGUMENT", `not a RequestRequest: ${what}`, {
    reason: "MALFORMED",
    execution: "NOT_STARTED",
  });
}

function tooLate(): GibbsError {
  const message = "the deadline passed before the request had arrived";
  return new GibbsError("DEADLINE_EXCEEDED", message, {
    reason: "DEADLINE_QUEUED",
    execution: "NOT_STARTED",
  });
}

/** A worker answered with what is no payload. */
export function malformedResult(cause: unknown, requestId: string, attempts: number): GibbsError {
  const message = `the worker's answer is no payload: ${messageOf(cause)}`;
  const details = { reason: "RESULT_MALFORMED", requestId, attempts, cause } as const;
  return new GibbsError("INTERNAL", message, { ...details, execution: "FINISHED" });
}
