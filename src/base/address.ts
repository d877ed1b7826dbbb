import { BlockList } from "node:net";
import type { GibbsError } from "./errors/error.js";
import { gibbsError } from "./errors/reasons.js";

/** A listening address: `host` and `port`, or the path of a Unix socket. */
export type Address = { host: string; port: number } | { path: string };

/** The longest path that every system supports; macOS has the lowest limit. */
const MAX_PATH_BYTES = 103;

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** Parses `host:port`, `[v6]:port`, `:port` (loopback) or `unix:path`. */
export function parseAddress(text: string): Address {
  // JavaScript callers may mistake the order of arguments.
  if (typeof text !== "string") {
    throw badAddress(`an address must be a string, such as "127.0.0.1:5019", not ${typeof text}`);
  }
  if (text.startsWith("unix:") && text.length > 5) return { path: checkPath(text.slice(5)) };
  const match = /^(?:\[(?<v6>[0-9a-fA-F:.]+)\]|(?<host>[^:/\s[\]]*)):(?<port>\d{1,5})$/.exec(text);
  const port = Number(match?.groups?.["port"]);
  if (!match || port > 65_535) {
    throw badAddress(`"${text}" is not an address: write host:port, such as 127.0.0.1:5019`);
  }
  const host = match.groups?.["v6"] ?? match.groups?.["host"];
  return { host: host || "127.0.0.1", port };
}

/**
 * Rejects a path that the operating system would silently truncate: two hubs could end up on the
 * same socket.
 */
function checkPath(path: string): string {
  const bytes = Buffer.byteLength(path);
  if (bytes <= MAX_PATH_BYTES) return path;
  throw badAddress(
    `the path of a Unix socket can have at most ${MAX_PATH_BYTES} bytes, not ${bytes}`,
  );
}

/** The error for a malformed address. */
export function badAddress(message: string): GibbsError {
  return gibbsError("BAD_ADDRESS", message, { execution: "NOT_STARTED" });
}

/** The address in gRPC's syntax. */
export function formatAddress(address: Address): string {
  if ("path" in address) return `unix:${address.path}`;
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}

/**
 * A host in one spelling: lower case, without a final dot; an IPv6 address in its shortest form, or
 * as the IPv4 address that it maps.
 */
export function canonicalHost(host: string): string {
  const name = host.toLowerCase().replace(/\.$/, "");
  const url = `http://${name.includes(":") ? `[${name}]` : name}`;
  if (!/^[\w.:-]+$/.test(name) || !URL.canParse(url)) return name;
  const { hostname } = new URL(url);
  const mapped = /^\[::ffff:([0-9a-f]+):([0-9a-f]+)\]$/.exec(hostname);
  if (mapped === null) return hostname.replace(/^\[|\]$/g, "");
  const [high, low] = mapped.slice(1).map((digits) => Number.parseInt(digits, 16));
  return [high ?? 0, low ?? 0].flatMap((word) => [word >> 8, word & 255]).join(".");
}

/** Whether only this machine can reach the address. */
export function isLoopback(address: Address): boolean {
  if ("path" in address) return true;
  const host = canonicalHost(address.host);
  if (host === "localhost") return true;
  try {
    return loopback.check(host, host.includes(":") ? "ipv6" : "ipv4");
  } catch {
    return false;
  }
}

/** Whether dialing the address leads to this machine. */
export function isLocal(address: Address): boolean {
  // The system takes the address that listens everywhere for its own.
  return (
    isLoopback(address) ||
    ("host" in address && /^(::|0\.0\.0\.0)$/.test(canonicalHost(address.host)))
  );
}
