import { Backoff } from "../base/backoff.js";
import type { Clock } from "../base/clock.js";
import { type Code, GibbsError } from "../base/errors/error.js";
import type { Random } from "../base/random.js";
import type { Endpoint } from "../wire/dial/endpoint.js";
import type { Endpoints } from "../wire/dial/endpoints.js";
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

/**
 * Decides whether a worker dials again, and when. A hub that was lost, drains or goes away rests for a
 * while; if there are others, the worker dials as soon as one of them is due.
 */
export class Reconnect {
  readonly #endpoints: Endpoints;
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  /** The time at which the hub's current absence began. */
  #awaySince: number;
  #lastHandOverAt = Number.NEGATIVE_INFINITY;

  constructor(endpoints: Endpoints, random: Random) {
    const { clock } = endpoints;
    this.#endpoints = endpoints;
    this.#clock = clock;
    this.#backoff = new Backoff(workerFixed.reconnect, random);
    this.#awaySince = clock.now();
  }

  /** Resets the backoff and counts the hub as away from now on. */
  reset(): void {
    this.#backoff.reset();
    this.#endpoints.longestRestMs = workerFixed.reconnect.maxMs;
    this.#awaySince = this.#clock.now();
  }

  /** Decides what follows a session with the hub at `endpoint`; undefined if none was reached. */
  after({ error, welcomed, next }: SessionEnd, endpoint?: Endpoint): NextStep {
    if (next?.kind === "exit") return { kind: "stop", error: undefined };
    if (error !== undefined && isFinal(error)) {
      return { kind: "stop", error: refused(error, this.#endpoints.toString()) };
    }
    if (welcomed) this.reset();
    const isAwayLong = this.#clock.now() - this.#awaySince > workerFixed.reconnectSlow.afterMs;
    const maxMs = isAwayLong ? workerFixed.reconnectSlow.maxMs : workerFixed.reconnect.maxMs;
    this.#endpoints.longestRestMs = maxMs;
    if (this.#endpoints.areSeveral) {
      if (endpoint !== undefined) this.#endpoints.rest(endpoint, next?.afterMs);
      return { kind: "dial", afterMs: this.#endpoints.waitMs };
    }
    return { kind: "dial", afterMs: Math.max(this.#backoff.next(maxMs), next?.afterMs ?? 0) };
  }

  /**
   * Returns how long to pause before dialing because the connection is going away, in milliseconds:
   * not at all, unless the one before it went away only a moment ago. Such pauses do not grow,
   * because the server may close the connection any time.
   */
  afterGoAway(endpoint: Endpoint | undefined): number {
    const now = this.#clock.now();
    const isRepeated = now - this.#lastHandOverAt < workerFixed.reconnect.maxMs;
    this.#lastHandOverAt = now;
    this.reset();
    if (endpoint !== undefined && this.#endpoints.areSeveral) {
      this.#endpoints.rest(endpoint);
      return this.#endpoints.waitMs;
    }
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
