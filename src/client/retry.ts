import { onAbort } from "../base/abort.js";
import { Backoff } from "../base/backoff.js";
import { type Clock, delay } from "../base/clock.js";
import { GibbsError } from "../base/errors/error.js";
import type { RequestOptions } from "../base/options/common-options.js";
import { fixed } from "../base/options/limits.js";
import type { Random } from "../base/random.js";
import { clientFixed } from "./options.js";
import type { IncomingResponse, OutgoingCall, Transport } from "./transport.js";

/** What all requests of a client share. */
export interface RetryContext {
  transport: Transport;
  clock: Clock;
  random: Random;
  /** How long to keep retrying while a hub is away, in milliseconds. */
  patienceMs: number;
  /** Fires when the client is closed. */
  closing: AbortSignal;
  /** Whether a request that one hub has refused may go to another one. Default: it may not. */
  hasAlternative?(): boolean;
}

/**
 * Sends a request, and resends it as long as {@link Retry} allows and time remains.
 *
 * @throws what {@link Transport.send} throws.
 */
export async function sendWithRetries(
  first: OutgoingCall,
  context: RetryContext,
): Promise<IncomingResponse> {
  const { transport, clock } = context;
  const { options } = first;
  let call = first;
  let retry: Retry | undefined;
  for (;;) {
    try {
      return await transport.send(call);
    } catch (error) {
      if (!(error instanceof GibbsError)) throw error;
      retry ??= new Retry(options, context);
      const pauseMs = retry.pauseAfter(error, clock.now(), call.until);
      const requestId = options.requestId ?? error.requestId;
      if (requestId !== undefined) call = { ...call, options: { ...options, requestId } };
      await pause(pauseMs, options.signal, context);
      // A process that was suspended comes out of its pause late.
      if (clock.now() >= call.until) throw retry.final(error);
    }
  }
}

/** Waits for `pauseMs`, or less if the caller cancels or the client is closed. */
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
 * The client's own reaction to a failed send:
 *
 * - The hub is shutting down and did not accept the request (DRAINING), or the connection broke
 *   before it was sent: resends it, for as long as it would wait for a connection. A hub restart
 *   delays calls but does not fail them.
 * - The connection broke and the work may have run: resends only if the request is idempotent, up
 *   to `maxAttempts` sends in total.
 *
 * Everything else is left to the caller.
 */
class Retry {
  readonly #options: RequestOptions;
  readonly #context: RetryContext;
  readonly #backoff: Backoff;
  /** The number of sends that may have run. */
  #lost = 0;
  #refusedSince: number | undefined;

  constructor(options: RequestOptions, context: RetryContext) {
    this.#options = options;
    this.#context = context;
    this.#backoff = new Backoff(clientFixed.retry, context.random);
  }

  /**
   * Returns how long to pause before the next send, in milliseconds. The call's deadline is
   * `until`.
   *
   * @throws GibbsError `error`, if the request must not be sent again. Once a send may have run, a
   * later refusal no longer claims NOT_STARTED.
   */
  pauseAfter(error: GibbsError, now: number, until: number): number {
    const pauseMs = this.#pauseAfter(error, now);
    if (pauseMs !== undefined && now + pauseMs < until) return pauseMs;
    throw this.final(error);
  }

  /** The error that the caller gets instead of another send. */
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
      // The hint holds for the hub that gave it.
      const hintMs = this.#context.hasAlternative?.() ? undefined : error.retryAfterMs;
      const pauseMs = hintMs ?? this.#backoff.next();
      if (now + pauseMs - this.#refusedSince < this.#context.patienceMs) return pauseMs;
    }
    return undefined;
  }
}

/**
 * Whether the connection broke after the request was sent. Such a status never comes from a hub.
 */
function isLost({ reason, execution }: GibbsError): boolean {
  return execution === "UNKNOWN" && (reason === "CONNECTION_LOST" || reason === "TRANSPORT");
}

/** Whether a hub that is going away did not accept the request. */
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
