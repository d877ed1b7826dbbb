import { isIP } from "node:net";
import { formatAddress, parseAddress } from "../../base/address.js";
import { MAX_HUB_ADDRESSES } from "../../base/hub-addresses.js";
import type { Random } from "../../base/random.js";
import { Endpoint } from "./endpoint.js";
import { type Environment, type HttpProxy, proxyFor } from "./proxy.js";

/** One of the addresses that the user gave, with the endpoints behind it. */
export class Place {
  /** The address as the user gave it. */
  readonly name: string;
  /** The host name to look up; undefined if there is nothing to resolve. */
  readonly host: string | undefined;
  endpoints: readonly Endpoint[] = [];
  lookedUpAt: number = Number.NEGATIVE_INFINITY;
  isLookingUp = false;
  /** Why the latest lookup failed, if it did. */
  failure: unknown;
  readonly #port: number = 0;
  readonly #random: Random;

  constructor(name: string, env: Environment, random: Random) {
    this.name = name;
    this.#random = random;
    const address = parseAddress(name);
    const proxy = proxyFor(address, env);
    // The proxy resolves the hub's name.
    if (proxy !== undefined) this.endpoints = [this.#endpoint(parseAddress(proxy.address), proxy)];
    else if ("path" in address || isIP(address.host) !== 0) {
      this.endpoints = [this.#endpoint(address, undefined)];
    } else {
      this.host = address.host;
      this.#port = address.port;
    }
  }

  /** Sets the endpoints to the addresses that a lookup found; those that stay keep their backoff. */
  update(addresses: readonly string[]): void {
    const known = new Map(this.endpoints.map((one) => [formatAddress(one.address), one]));
    this.endpoints = [...new Set(addresses)].slice(0, MAX_HUB_ADDRESSES).map((host) => {
      const address = { host, port: this.#port };
      return known.get(formatAddress(address)) ?? this.#endpoint(address, undefined);
    });
  }

  #endpoint(address: Endpoint["address"], proxy: HttpProxy | undefined): Endpoint {
    return new Endpoint(this.name, address, proxy, this.#random);
  }
}
