import { BlockList, isIP } from "node:net";
import { type Address, canonicalHost, isLocal } from "../../base/address.js";

/** An HTTP proxy, which opens connections on request (CONNECT). */
export interface HttpProxy {
  /** Where it listens, as `host:port`. */
  address: string;
  /** `user:password`, if its URL has any. */
  credentials: string | undefined;
  /** The environment variable that names it. */
  variable: string;
}

/** Environment variables, by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** In order of precedence; the lower-case name of each comes before the upper-case one. */
const PROXY_VARIABLES = ["grpc_proxy", "https_proxy", "http_proxy", "all_proxy"];
const EXCEPTION_VARIABLES = ["no_grpc_proxy", "no_proxy"];

/**
 * Returns the proxy through which the environment wants a hub to be dialed: that of the first
 * variable with an `http://` URL. Undefined for addresses of this machine, which no proxy can reach,
 * and for hosts listed in `no_proxy`.
 */
export function proxyFor(address: Address, env: Environment): HttpProxy | undefined {
  if ("path" in address || isLocal(address)) return undefined;
  const [, exceptions = ""] = firstSet(EXCEPTION_VARIABLES, env) ?? [];
  if (exceptions.split(/[\s,]+/).some((entry) => covers(entry, address))) return undefined;
  for (const name of PROXY_VARIABLES) {
    const [variable, value] = firstSet([name], env) ?? [];
    const proxy = variable && value && parseProxy(variable, value);
    if (proxy) return proxy;
  }
  return undefined;
}

/** Adds to `message`, about a hub that was not reached, what a proxy may have to do with it. */
export function blameProxy(message: string, proxy: HttpProxy | undefined, address: string): string {
  if (proxy === undefined) return message;
  return `${message} (through the proxy ${proxy.address} of ${proxy.variable}; to dial ${address} directly, add it to no_proxy)`;
}

function firstSet(names: readonly string[], env: Environment): [string, string] | undefined {
  for (const name of names.flatMap((lower) => [lower, lower.toUpperCase()])) {
    const value = env[name]?.trim();
    if (value) return [name, value];
  }
  return undefined;
}

function parseProxy(variable: string, value: string): HttpProxy | undefined {
  const text = value.includes("://") ? value : `http://${value}`;
  if (!URL.canParse(text)) return undefined;
  const { protocol, hostname, port, username, password } = new URL(text);
  if (protocol !== "http:") return undefined;
  const user = decoded(username);
  const credentials = password === "" ? user : `${user}:${decoded(password)}`;
  return {
    address: `${hostname}:${port || "80"}`,
    credentials: credentials || undefined,
    variable,
  };
}

/** Undoes percent-encoding; a part that is not encoded properly stands for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Whether an entry of `no_proxy` covers a host: `*`, a host, a domain, or a subnet. */
function covers(entry: string, address: { host: string; port: number }): boolean {
  if (entry === "") return false;
  const host = canonicalHost(address.host);
  const [name, port] = splitPort(entry.toLowerCase());
  if (port !== undefined && port !== address.port) return false;
  if (name === "*") return true;
  if (name.includes("/")) return isInSubnet(host, name);
  const domain = canonicalHost(name.replace(/^\*?\./, ""));
  return host === domain || host.endsWith(`.${domain}`);
}

/** Splits `host:port` and `[v6]:port`. A bare IPv6 address has no port. */
function splitPort(entry: string): [name: string, port: number | undefined] {
  const match = /^(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(entry);
  if (match === null) return [entry, undefined];
  return [match[1] ?? match[2] ?? entry, match[3] === undefined ? undefined : Number(match[3])];
}

function isInSubnet(host: string, subnet: string): boolean {
  const [network = "", bits = ""] = subnet.split("/");
  const version = isIP(host);
  const most = version === 6 ? 128 : 32;
  if (version === 0 || isIP(network) !== version) return false;
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > most) return false;
  const family = version === 6 ? "ipv6" : "ipv4";
  const list = new BlockList();
  list.addSubnet(network, Number(bits), family);
  return list.check(host, family);
}
