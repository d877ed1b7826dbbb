import type { TcpNetConnectOpts } from "node:net";
import { type ChannelOptions, experimental } from "@grpc/grpc-js";

/** The target of a channel that dials what {@link fixedAddress} says. */
export const FIXED_TARGET = "gibbs:hub";

const OPTION = "gibbs.address";

/** What is dialed. grpc-js passes it on to `net.connect`, so that `signal` can end the attempt. */
export type FixedAddress = ({ host: string; port: number } | { path: string }) &
  Pick<TcpNetConnectOpts, "signal">;

/** The channel option for the one address of a channel with {@link FIXED_TARGET}. */
export function fixedAddress(address: FixedAddress): ChannelOptions {
  return { [OPTION]: address };
}

/** Resolves every target to the address in the channel's options. */
class FixedResolver implements experimental.Resolver {
  readonly #listener: experimental.ResolverListener;
  readonly #address: FixedAddress;
  #isReported = false;

  constructor(_target: unknown, listener: experimental.ResolverListener, options: ChannelOptions) {
    this.#listener = listener;
    this.#address = options[OPTION] as FixedAddress;
  }

  updateResolution(): void {
    // Once is enough, and each report would make the channel ask for another one.
    if (this.#isReported) return;
    this.#isReported = true;
    process.nextTick(() => {
      if (!this.#isReported) return;
      const endpoints = experimental.statusOrFromValue([{ addresses: [this.#address] }]);
      this.#listener(endpoints, {}, null, "");
    });
  }

  destroy(): void {
    this.#isReported = false;
  }

  /** Used for nothing that is sent: each channel has an authority of its own. */
  static getDefaultAuthority(): string {
    return "localhost";
  }
}

experimental.registerResolver("gibbs", FixedResolver);
