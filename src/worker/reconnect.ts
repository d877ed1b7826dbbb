import { Backoff } from "../base/backoff.js";
import type { Clock } from "../base/clock.js";
import { type Code, GibbsError } from "../base/errors/error.js";
import type { Random } from "../base/random.js";
import { workerFixed } from "./options.js";
import type { SessionEnd } from "./session/session.js";

/** Statuses after which dialing again is pointless. */
const finalCodes: ReadonlySet<Code> = new Set([
  "UNAUTHENTICATED",
  "PERMISSION_DENIED",
  "INVALID_ARGUMENT",
  "FAILED_PRECONDITION",
  "UNIMPLEMENTED",
]);

/**
 * What follows a session: another session or the end, with an error if the hub refused the worker.
 */
export type NextStep =
  | { kind: "dial"; afterMs: number }
  | { kind: "stop"; error: GibbsError | undefined };

/** Decides whether a worker dials its hub again, and when. */
export class Reconnect {
  readonly #hub: string;
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  /** The time at which the hub's current absence began. */
  #awaySince: number;
  #lastHandOverAt = Number.NEGATIVE_INFINITY;

  /** @param hub the hub's address, for messages. */
  constructor(hub: string, clock: Clock, random: Random) {
    this.#hub = hub;
    this.#clock = clock;
    this.#backoff = new Backoff(workerFixed.reconnect, random);
    this.#awaySince = clock.now();
  }

  /** Resets the backoff and counts the hub as away from now on. */
  reset(): void {
    this.#backoff.reset();
    this.#awaySince = this.#clock.now();
  }

  /** Decides what follows a session. */
  after({ error, welcomed, next }: SessionEnd): NextStep {
    if (next?.kind === "exit") return { kind: "stop", error: undefined };
    if (error !== undefined && isFinal(error)) {
      return { kind: "stop", error: refused(error, this.#hub) };
    }
    if (welcomed) this.reset();
    const isAwayLong = this.#clock.now() - this.#awaySince > workerFixed.reconnectSlow.afterMs;
    const pauseMs = this.#backoff.next(isAwayLong ? workerFixed.reconnectSlow.maxMs : undefined);
    return { kind: "dial", afterMs: Math.max(pauseMs, next?.afterMs ?? 0) };
  }

  /**
   * Returns how long to pause before dialing because the connection is going away, in milliseconds:
   * not at all, unless the one before it went away only a moment ago. Such pauses do not grow,
   * because the server may close the connection any time.
   */
  afterGoAway(): number {
    const now = this.#clock.now();
    const isRepeated = now - this.#lastHandOverAt < workerFixed.reconnect.maxMs;
    this.#lastHandOverAt = now;
    this.reset();
    return isRepeated ? this.#backoff.next() : 0;
  }
}

function isFinal({ code, reason }: GibbsError): boolean {
  return finalCodes.has(code) || reason === "SUPERSEDED";
}

function refused(error: GibbsError, hub: string): GibbsError {
  const hint =
    error.code === "UNIMPLEMENTED"
      ? `is ${hub} a gibbs hub?`
      : "connecting again would end the same way";
  const message = `the hub refused this worker: ${error.message}; ${hint}`;
  return new GibbsError(error.code, message, { reason: error.reason, cause: error });
}
