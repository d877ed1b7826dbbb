import type { Timer } from "../../base/clock.js";
import { GibbsError, messageOf } from "../../base/errors/error.js";
import type { Endpoint } from "./endpoint.js";
import type { Endpoints } from "./endpoints.js";

/** How long one address is tried alone before another one is tried beside it, in milliseconds. */
const STAGGER_MS = 250;

/** What a search does with the endpoints. */
export interface SearchPlan<Found> {
  /** How long an attempt at one endpoint may take, in milliseconds. */
  attemptTimeoutMs: number;
  /**
   * Opens a connection to an endpoint. Rejects with a GibbsError if that fails, or soon after
   * `signal` fires.
   */
  open(endpoint: Endpoint, signal: AbortSignal): Promise<Found>;
  /** Receives the first connection; the search is then over. */
  onFound(found: Found): void;
  /**
   * Receives each failure, and may let the endpoint, if any, rest; then the search tries it again, if
   * it lasts that long.
   */
  onFailed(error: GibbsError, endpoint: Endpoint | undefined): void;
  /** Called when everything that was due has failed. Without it, the search goes on. */
  onNone?(): void;
  /** Closes a connection that was opened too late. */
  discard(found: Found): void;
}

/**
 * Tries endpoints until one of them answers. If one has neither answered nor failed for a moment,
 * the next is tried beside it: an address where nobody answers holds up no one.
 */
export class Search<Found> {
  readonly #endpoints: Endpoints;
  readonly #plan: SearchPlan<Found>;
  readonly #busy = new Map<Endpoint, AbortController>();
  /** Endpoints that have failed and rest for no time of their own. */
  readonly #spent = new Set<Endpoint>();
  readonly #excluded = {
    has: (endpoint: Endpoint): boolean => this.#busy.has(endpoint) || this.#spent.has(endpoint),
  };
  readonly #stopListening: () => void;
  #timer: Timer | undefined;
  #hasFailed = false;
  #isOver = false;

  constructor(endpoints: Endpoints, plan: SearchPlan<Found>) {
    this.#endpoints = endpoints;
    this.#plan = plan;
    this.#stopListening = endpoints.onResolved(() => this.#onResolved());
    this.#advance();
  }

  /** Ends the search and every attempt. Nothing is called afterwards. */
  stop(): void {
    this.#isOver = true;
    this.#timer?.cancel();
    this.#stopListening();
    for (const attempt of this.#busy.values()) attempt.abort();
    this.#busy.clear();
  }

  #advance(): void {
    if (this.#isOver) return;
    this.#timer?.cancel();
    this.#endpoints.lookUp();
    const next = this.#endpoints.pick(this.#excluded);
    let waitMs = STAGGER_MS;
    if (typeof next === "object") void this.#try(next);
    else {
      const isIdle = this.#busy.size === 0 && !this.#endpoints.isLookingUp;
      if (this.#hasFailed && isIdle && this.#plan.onNone !== undefined) {
        this.stop();
        return this.#plan.onNone();
      }
      waitMs = next;
    }
    this.#timer = this.#endpoints.clock.setTimer(waitMs, () => this.#advance());
  }

  async #try(endpoint: Endpoint): Promise<void> {
    const attempt = new AbortController();
    this.#busy.set(endpoint, attempt);
    const { attemptTimeoutMs } = this.#plan;
    const timer = this.#endpoints.clock.setTimer(attemptTimeoutMs, () => attempt.abort());
    try {
      const found = await this.#plan.open(endpoint, attempt.signal);
      if (this.#isOver) return this.#plan.discard(found);
      this.#busy.delete(endpoint);
      this.stop();
      this.#plan.onFound(found);
    } catch (error) {
      if (this.#isOver) return;
      this.#busy.delete(endpoint);
      this.#fail(error, endpoint);
      this.#advance();
    } finally {
      timer.cancel();
    }
  }

  #onResolved(): void {
    const failure = this.#endpoints.lookupFailure;
    if (failure !== undefined) this.#fail(failure, undefined);
    if (this.#busy.size === 0) this.#advance();
  }

  #fail(cause: unknown, endpoint: Endpoint | undefined): void {
    this.#hasFailed = true;
    const error =
      cause instanceof GibbsError
        ? cause
        : new GibbsError("UNAVAILABLE", messageOf(cause), { execution: "NOT_STARTED", cause });
    this.#plan.onFailed(error, endpoint);
    if (endpoint !== undefined && endpoint.retryAt <= this.#endpoints.clock.now()) {
      this.#spent.add(endpoint);
    }
  }
}
