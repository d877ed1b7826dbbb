import type { Address } from "../../base/address.js";
import { Backoff } from "../../base/backoff.js";
import type { Random } from "../../base/random.js";
import type { HttpProxy } from "./proxy.js";

/** The backoff of an address; its maximum when a hub has been away for long is the caller's. */
export const endpointBackoff = { minMs: 100, maxMs: 1000 } as const;

/** One address at which a hub may answer, and when to try it. */
export class Endpoint {
  /** The address as the user gave it. */
  readonly name: string;
  /** What is dialed: a resolved address or a socket, or the proxy. */
  readonly address: Address;
  /** The proxy on the way, if any. */
  readonly proxy: HttpProxy | undefined;
  /** Not to be tried before this time. */
  retryAt: number = Number.NEGATIVE_INFINITY;
  readonly #pauses: Backoff;

  constructor(name: string, address: Address, proxy: HttpProxy | undefined, random: Random) {
    this.name = name;
    this.address = address;
    this.proxy = proxy;
    this.#pauses = new Backoff(endpointBackoff, random);
  }

  /** Lets it rest for a random, growing time from `shortestMs` to `longestMs`. */
  rest(now: number, shortestMs: number, longestMs: number): void {
    const pauseMs = Math.max(this.#pauses.next(longestMs), shortestMs);
    this.retryAt = Math.max(this.retryAt, now + pauseMs);
  }

  /** Makes the next pause a short one again. */
  worked(): void {
    this.#pauses.reset();
  }
}
