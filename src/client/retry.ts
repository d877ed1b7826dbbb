import { onAbort } from "../base/abort.js";
import { Backoff } from "../base/backoff.js";
import { type Clock, delay } from "../base/clock.js";
import { GibbsError } from "../base/error.js";
import { fixed, type RequestOptions } from "../base/options.js";
import type { Random } from "../base/random.js";
import type { IncomingAnswer, OutgoingCall, Transport } from "./transport.js";

/** What all requests of a client have in common. */
export interface RetryContext {
  transport: Transport;
  clock: Clock;
  random: Random;
  /** How long a hub may take to come back, in milliseconds. */
  patienceMs: number;
  /** Fires when the client is closed. */
  closing: AbortSignal;
}

/**
 * Sends a request, and again as long as {@link Retry} says so and the time allows.
 *
 * @throws what {@link Transport.send} throws.
 */
export async function sendWithRetries(
  first: OutgoingCall,
  context: RetryContext,
): Promise<IncomingAnswer> {
  const { transport, clock, random, patienceMs } = context;
  const { options } = first;
  let call = first;
  let retry: Retry | undefined;
  for (;;) {
    try {
      return await transport.send(call);
    } catch (error) {
      if (!(error instanceof GibbsError)) throw error;
      retry ??= new Retry(options, patienceMs, random);
      const pauseMs = retry.pauseAfter(error, clock.now(), call.until);
      const requestId = options.requestId ?? error.requestId;
      if (requestId !== undefined) call = { ...call, options: { ...options, requestId } };
      await pause(pauseMs, options.signal, context);
      // A process that stood still comes out of its pause late.
      if (clock.now() >= call.until) throw retry.final(error);
    }
  }
}

/** Ends early when the caller gives up or the client is closed. */
async function pause(
  pauseMs: number,
  signal: AbortSignal | undefined,
  { clock, closing }: RetryContext,
): Promise<void> {
  const early = new AbortController();
  const stops = [signal, closing].map((one) => onAbort(one, () => early.abort()));
  await delay(clock, pauseMs, early.signal);
  for (const stop of stops) stop();
}

/**
 * What a client does by itself about a send that failed:
 *
 * - The hub is shutting down and took nothing (DRAINING), or the connection broke
 *   before anything was sent: sends again, for as long as it would wait for a
 *   connection. A hub that restarts costs time, not calls.
 * - The connection broke, and whether the work ran is unknown: sends again only if
 *   the request is idempotent, `maxAttempts` times in all.
 *
 * All else is the caller's to decide.
 */
class Retry {
  readonly #options: RequestOptions;
  readonly #patienceMs: number;
  readonly #backoff: Backoff;
  /** Sends that may have run. */
  #lost = 0;
  #refusedSince: number | undefined;

  /** `patienceMs`: how long a hub may take to come back. */
  constructor(options: RequestOptions, patienceMs: number, random: Random) {
    this.#options = options;
    this.#patienceMs = patienceMs;
    this.#backoff = new Backoff(fixed.retry, random);
  }

  /**
   * How long to pause before the request is sent again, in milliseconds; the call
   * is over at `until`.
   *
   * @throws GibbsError `error`, if it is not to be sent again. Once a send may
   * have run, no later refusal says that nothing ran.
   */
  pauseAfter(error: GibbsError, now: number, until: number): number {
    const pauseMs = this.#pauseAfter(error, now);
    if (pauseMs !== undefined && now + pauseMs < until) return pauseMs;
    throw this.final(error);
  }

  /** What the caller is told instead of a further send. */
  final(error: GibbsError): GibbsError {
    return this.#lost > 0 ? mayHaveRun(error) : error;
  }

  #pauseAfter(error: GibbsError, now: number): number | undefined {
    if (isLost(error)) {
      this.#lost += 1;
      const { idempotent = false, maxAttempts = fixed.defaultAttempts } = this.#options;
      if (idempotent && this.#lost < maxAttempts) return this.#backoff.next();
    } else if (isRefused(error)) {
      this.#refusedSince ??= now;
      const pauseMs = error.retryAfterMs ?? this.#backoff.next();
      if (now + pauseMs - this.#refusedSince < this.#patienceMs) return pauseMs;
    }
    return undefined;
  }
}

/** Whether the connection broke after the request was sent: a status that no hub made. */
function isLost({ reason, execution }: GibbsError): boolean {
  return execution === "UNKNOWN" && (reason === "CONNECTION_LOST" || reason === "TRANSPORT");
}

/** Whether a hub that goes away had not taken the request. */
function isRefused({ reason, execution }: GibbsError): boolean {
  return execution === "NOT_STARTED" && (reason === "DRAINING" || reason === "CONNECTION_LOST");
}

function mayHaveRun(error: GibbsError): GibbsError {
  if (error.execution !== "NOT_STARTED") return error;
  const code = error.code === "UNAVAILABLE" ? "ABORTED" : error.code;
  const { message, reason, requestId, attempts } = error;
  const known = { reason, attempts, requestId, cause: error };
  return new GibbsError(code, message, { ...known, execution: "UNKNOWN" });
}
