import type { ChannelOptions } from "@grpc/grpc-js";
import { formatAddress, parseAddress } from "../../base/address.js";
import { type Environment, type HttpProxy, proxyFor } from "./proxy.js";

/** What a channel to a hub dials. */
export interface ChannelTarget {
  /** In gRPC's syntax. */
  target: string;
  /** To add to the channel's other options. */
  options: ChannelOptions;
  /** The proxy on the way, if any. */
  proxy: HttpProxy | undefined;
}

/**
 * How soon a name may be looked up again, in milliseconds: a hub that moves to another address must
 * be found while requests still wait for a connection. grpc-js waits 30 s.
 */
const MIN_LOOKUP_INTERVAL_MS = 1000;

/** Returns what to dial to reach the hub at `address`, directly or through the environment's proxy. */
export function channelTarget(address: string, env: Environment = process.env): ChannelTarget {
  const hub = parseAddress(address);
  const target = formatAddress(hub);
  const proxy = proxyFor(hub, env);
  const options: ChannelOptions = {
    // grpc-js itself would use fewer variables, and a proxy for loopback addresses, too.
    "grpc.enable_http_proxy": 0,
    "grpc.dns_min_time_between_resolutions_ms": MIN_LOOKUP_INTERVAL_MS,
    "grpc.service_config_disable_resolution": 1,
  };
  if (proxy === undefined) return { target, options, proxy };
  const via: ChannelOptions = {
    "grpc.http_connect_target": `dns:${target}`,
    "grpc.default_authority": target,
  };
  if (proxy.credentials !== undefined) via["grpc.http_connect_creds"] = proxy.credentials;
  return { target: `dns:${proxy.address}`, options: { ...options, ...via }, proxy };
}
