import type { Clock } from "../../base/clock.js";
import type { Random } from "../../base/random.js";
import { type Endpoint, endpointBackoff } from "./endpoint.js";
import { type Lookup, systemLookup } from "./lookup.js";
import { Place } from "./place.js";
import type { Environment } from "./proxy.js";

/** Times of lookups, in milliseconds. */
const lookupFixed = {
  /** How soon a name is looked up again: a hub that moves must be found while requests wait. */
  intervalMs: 1000,
  /** How long the known addresses of a name wait for a lookup that is under way. */
  patienceMs: 1000,
  /** How long a lookup may take. */
  timeoutMs: 5000,
} as const;

/** What the endpoints depend on. */
export interface EndpointsContext {
  clock: Clock;
  random: Random;
  /** Default: the system's. */
  lookup?: Lookup;
  /** The variables that may name a proxy. Default: those of the process. */
  env?: Environment;
}

/**
 * The addresses at which a hub may answer. Names are resolved again with every reconnect, each
 * address has a backoff of its own, and the choice among those that are due is random.
 */
export class Endpoints {
  readonly clock: Clock;
  /** How long an endpoint rests at most, in milliseconds. */
  longestRestMs: number = endpointBackoff.maxMs;
  readonly #random: Random;
  readonly #lookup: Lookup;
  readonly #places: readonly Place[];
  readonly #listeners = new Set<() => void>();

  /** @param names the addresses, as `parseHubAddresses` returns them. */
  constructor(names: readonly string[], context: EndpointsContext) {
    const { clock, random, lookup = systemLookup, env = process.env } = context;
    this.clock = clock;
    this.#random = random;
    this.#lookup = lookup;
    this.#places = names.map((name) => new Place(name, env, random));
  }

  /** How many addresses are known now. */
  get size(): number {
    return this.#places.reduce((sum, { endpoints }) => sum + endpoints.length, 0);
  }

  /** Whether there may be another hub than the one at hand. */
  get areSeveral(): boolean {
    return this.#places.length > 1 || this.size > 1;
  }

  /** The addresses as the user gave them. */
  toString(): string {
    return this.#places.map(({ name }) => name).join(",");
  }

  /** One that is dialed through a proxy, if any. */
  get proxied(): Endpoint | undefined {
    const known = this.#places.flatMap(({ endpoints }) => endpoints);
    return known.find(({ proxy }) => proxy !== undefined);
  }

  /** Why a name without addresses cannot be resolved, if there is one. */
  get lookupFailure(): unknown {
    return this.#places.find(({ endpoints }) => endpoints.length === 0)?.failure;
  }

  /** Whether a name is being looked up. */
  get isLookingUp(): boolean {
    return this.#places.some(({ isLookingUp }) => isLookingUp);
  }

  /** Lets an endpoint rest for a random, growing time, but no less than `shortestMs`. */
  rest(endpoint: Endpoint, shortestMs = 0): void {
    endpoint.rest(this.clock.now(), shortestMs, this.longestRestMs);
  }

  /**
   * Decides what becomes of an endpoint whose connection, ready `since` then, takes no more calls.
   * If it has not lasted, the endpoint rests: one that ends every connection at once must not keep
   * this process busy. Otherwise only the choice of another one is made likely.
   *
   * @returns whether it has lasted.
   */
  left(endpoint: Endpoint, since: number): boolean {
    const hasLasted = this.clock.now() - since >= endpointBackoff.maxMs;
    if (hasLasted) endpoint.worked();
    if (!hasLasted || this.areSeveral) this.rest(endpoint);
    return hasLasted;
  }

  /**
   * Picks an endpoint to try, at random among those that are due and not busy. If there is none,
   * returns how long to wait until there may be one, in milliseconds.
   */
  pick(busy: { has(endpoint: Endpoint): boolean }): Endpoint | number {
    const now = this.clock.now();
    let waitMs: number = lookupFixed.intervalMs;
    const due: Endpoint[] = [];
    for (const { isLookingUp, lookedUpAt, endpoints } of this.#places) {
      const lookupMs = isLookingUp ? lookedUpAt + lookupFixed.patienceMs - now : 0;
      if (lookupMs > 0) {
        waitMs = Math.min(waitMs, lookupMs);
        continue;
      }
      for (const endpoint of endpoints) {
        if (busy.has(endpoint)) continue;
        if (endpoint.retryAt <= now) due.push(endpoint);
        else waitMs = Math.min(waitMs, endpoint.retryAt - now);
      }
    }
    return due[Math.floor(this.#random() * due.length)] ?? waitMs;
  }

  /** How long to wait until an endpoint is due, in milliseconds. */
  get waitMs(): number {
    const known = this.#places.flatMap(({ endpoints }) => endpoints);
    const retryAt = Math.min(...known.map((endpoint) => endpoint.retryAt));
    return known.length === 0 ? 0 : Math.max(0, retryAt - this.clock.now());
  }

  /** Starts to resolve every name that was not looked up a moment ago. */
  lookUp(): void {
    const now = this.clock.now();
    for (const place of this.#places) {
      const isRecent = now - place.lookedUpAt < lookupFixed.intervalMs;
      if (place.host !== undefined && !place.isLookingUp && !isRecent) {
        void this.#resolve(place, place.host);
      }
    }
  }

  /** Calls `onResolved` after each lookup. Call the returned function to stop listening. */
  onResolved(onResolved: () => void): () => void {
    this.#listeners.add(onResolved);
    return () => void this.#listeners.delete(onResolved);
  }

  async #resolve(place: Place, host: string): Promise<void> {
    place.isLookingUp = true;
    place.lookedUpAt = this.clock.now();
    try {
      place.update(await this.#limited(host));
      place.failure = undefined;
    } catch (error) {
      place.failure = error;
    }
    place.isLookingUp = false;
    for (const listener of [...this.#listeners]) listener();
  }

  #limited(host: string): Promise<readonly string[]> {
    const { timeoutMs } = lookupFixed;
    return new Promise((resolve, reject) => {
      const onTimer = (): void => reject(new Error(`no answer about ${host} in ${timeoutMs} ms`));
      const timer = this.clock.setTimer(timeoutMs, onTimer, "background");
      this.#lookup(host)
        .then(resolve, reject)
        .finally(() => timer.cancel());
    });
  }
}
