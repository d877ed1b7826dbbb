import type { Clock, Timer } from "../../base/clock.js";
import { type GibbsError, messageOf } from "../../base/errors/error.js";
import { malformedResult } from "../../base/errors/failures.js";
import { gibbsError } from "../../base/errors/reasons.js";
import { toStatus } from "../../wire/grpc/status.js";
import type { CallInfo } from "../../wire/messages/request.js";
import type { EncodedPayload } from "../../wire/payload/payload.js";
import type {
  Caller,
  MetadataPair,
  Outcome,
  Submission,
  Ticket,
} from "../core/requests/request.js";
import type { UnreadResponse } from "../core/requests/unread.js";
import type { Engine } from "../engine.js";
import type { CallHandler, CallListener, ServerCall } from "../transport/server-call.js";
import {
  asGibbsError,
  type RequestFields,
  type SubmissionContext,
  toSubmission,
} from "./submission.js";

/**
 * How long before its gRPC deadline the hub ends a call, in milliseconds. At the deadline itself
 * the caller's library ends it with a bare status, which says neither why it ended nor whether it
 * ran.
 */
const DEADLINE_MARGIN_MS = 5;

/**
 * Messages from this size on are counted while they arrive. A smaller one takes one or two reads,
 * and is counted once it has arrived.
 */
const SMALL_BYTES = 64 * 1024;

/** How a unary method wraps requests and answers in its messages. Payloads stay encoded. */
export interface Envelope {
  /** The type of its request message, for error messages. */
  readonly requestType: string;
  /**
   * Reads a request message.
   *
   * @throws Error that says what is malformed.
   */
  read(message: Buffer): RequestFields;
  /**
   * Writes the response message for a worker's answer.
   *
   * @throws Error that says what is malformed in the answer.
   */
  write(answer: EncodedPayload, info: CallInfo): Buffer;
}

/** What the unary calls of one hub share. */
export interface UnaryContext {
  engine: Engine;
  clock: Clock;
  submissions: SubmissionContext;
  /** The metadata keys that may reach workers. */
  forwardMetadata: readonly string[];
}

/** Serves a unary method: each call becomes a request to the workers. */
export function unaryHandler(envelope: Envelope, context: UnaryContext): CallHandler {
  return (call) => new UnaryCall(call, envelope, context);
}

/** A request message that is still arriving. */
class Arrival {
  message: Buffer | undefined;
  /** Stops counting its bytes, if they are counted. */
  uncount: (() => void) | undefined;

  constructor(
    /** When the call began, on the engine's clock. */
    readonly beganAt: number,
    /** The call's `grpc-timeout`. */
    readonly timeoutMs: number | undefined,
    /** Limits how long the message may take to arrive. */
    readonly timer: Timer,
  ) {}

  /** The time left before the caller's deadline: undefined if it set none, NaN if malformed. */
  timeLeftMs(now: number): number | undefined {
    return this.timeoutMs && this.timeoutMs - (now - this.beganAt);
  }

  /** Ends the arrival: the message is complete, or never will be. */
  end(): void {
    this.uncount?.();
    this.timer.cancel();
  }
}

/**
 * The life of a unary call, by what it holds:
 *
 * | from | event | to |
 * |---|---|---|
 * | the {@link Arrival} of its message | its caller half-closed | its request's {@link Ticket} |
 * | the {@link Arrival} of its message | the request is refused | over |
 * | its request's {@link Ticket} | the request was answered | its {@link UnreadResponse} |
 * | its request's {@link Ticket} | the request failed | over |
 * | any | the call was closed: what it holds is released | over |
 */
type CallState = Arrival | Ticket | UnreadResponse | "over";

/** One call of a unary method, from its first byte until its connection has taken the response. */
class UnaryCall implements CallListener, Caller {
  readonly #call: ServerCall;
  readonly #envelope: Envelope;
  readonly #context: UnaryContext;
  #state: CallState;

  constructor(call: ServerCall, envelope: Envelope, context: UnaryContext) {
    this.#call = call;
    this.#envelope = envelope;
    this.#context = context;
    const { defaultTimeoutMs, maxTimeoutMs } = context.submissions.limits;
    const { timeoutMs } = call;
    // A malformed timeout is refused once the message has arrived.
    const isTimed = timeoutMs !== undefined && !Number.isNaN(timeoutMs);
    const patienceMs = Math.min(isTimed ? timeoutMs : defaultTimeoutMs, maxTimeoutMs);
    const timer = context.clock.setTimer(patienceMs, () => this.#refuse(tooLate()));
    this.#state = new Arrival(context.engine.now(), timeoutMs, timer);
  }

  onAwaited(bytes: number): void {
    const arrival = this.#state;
    if (!(arrival instanceof Arrival)) return;
    if (bytes < SMALL_BYTES || arrival.uncount !== undefined) return;
    const counted = this.#context.engine.arriving(bytes);
    if (typeof counted === "function") arrival.uncount = counted;
    else this.#refuse(counted);
  }

  onMessage(message: Buffer): void {
    const arrival = this.#state;
    if (!(arrival instanceof Arrival)) return;
    if (arrival.message === undefined) arrival.message = message;
    else {
      this.#release();
      this.#call.end(toStatus(this.#malformed("a second message")));
    }
  }

  onHalfClose(): void {
    const arrival = this.#state;
    if (!(arrival instanceof Arrival)) return;
    arrival.end();
    try {
      this.#state = this.#context.engine.submit(this.#toSubmission(arrival), this);
    } catch (error) {
      this.#state = "over";
      this.#call.end(toStatus(asGibbsError(error), retriesOf(this.#call)));
    }
  }

  settled(_callId: number, requestId: string, outcome: Outcome): void {
    const call = this.#call;
    const isClosed = this.#state === "over";
    this.#state = "over";
    if (outcome.kind === "failure") return call.end(toStatus(outcome.error, retriesOf(call)));
    let response: Buffer;
    try {
      response = this.#envelope.write(outcome.payload, { requestId, ...outcome.info });
    } catch (error) {
      return call.end(
        toStatus(malformedResult(error, { requestId, attempts: outcome.info.attempts })),
      );
    }
    call.respond(response);
    if (isClosed) return;
    // Counted against the caller until its connection has taken it.
    this.#state = this.#context.engine.sending(call.peer, response.length, () => call.abandon());
  }

  onClose(): void {
    this.#release();
  }

  #refuse(error: GibbsError): void {
    this.#release();
    this.#call.refuse(toStatus(error));
  }

  /** Releases what the call holds. */
  #release(): void {
    const state = this.#state;
    this.#state = "over";
    if (state === "over") return;
    const { engine } = this.#context;
    if (typeof state === "number") engine.cancel(state);
    else if (state instanceof Arrival) state.end();
    else engine.sent(state);
  }

  #toSubmission(arrival: Arrival): Submission {
    const { submissions, forwardMetadata } = this.#context;
    const metadata: MetadataPair[] = forwardMetadata.flatMap((key) =>
      this.#call.header(key).map((value) => ({ key, value })),
    );
    const left = arrival.timeLeftMs(this.#context.engine.now());
    if (Number.isNaN(left)) throw this.#malformed("invalid grpc-timeout");
    // Whole milliseconds, as a request stores them.
    const timeoutMs = left && Math.ceil(left - Math.min(DEADLINE_MARGIN_MS, left / 10));
    const request = this.#read(arrival.message);
    return toSubmission(request, metadata, timeoutMs, this.#call.peer, submissions);
  }

  #read(message: Buffer | undefined): RequestFields {
    if (message === undefined) throw this.#malformed("no message");
    try {
      return this.#envelope.read(message);
    } catch (error) {
      throw this.#malformed(messageOf(error));
    }
  }

  #malformed(what: string): GibbsError {
    const message = `not a ${this.#envelope.requestType}: ${what}`;
    return gibbsError("MALFORMED", message, { execution: "NOT_STARTED" });
  }
}

/** How often the caller's library has sent this call again, under a retry policy. */
function retriesOf(call: ServerCall): number {
  const [header] = call.header("grpc-previous-rpc-attempts");
  const count = header === undefined ? 0 : Number(Buffer.from(header).toString());
  return count > 0 ? count : 0;
}

function tooLate(): GibbsError {
  const message = "the deadline passed before the request had arrived";
  return gibbsError("DEADLINE_QUEUED", message, { execution: "NOT_STARTED" });
}
