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

function badAddress(message: string): GibbsError {
  return gibbsError("BAD_ADDRESS", message, { execution: "NOT_STARTED" });
}

/** The address in gRPC's syntax. */
export function formatAddress(address: Address): string {
  if ("path" in address) return `unix:${address.path}`;
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}

/** Whether only this machine can reach the address. */
export function isLoopback(address: Address): boolean {
  if ("path" in address || address.host.toLowerCase() === "localhost") return true;
  const family = address.host.includes(":") ? "ipv6" : "ipv4";
  try {
    return loopback.check(address.host, family);
  } catch {
    return false;
  }
}
