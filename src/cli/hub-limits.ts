import { Option } from "commander";
import { type HubOptions, hubDefaults } from "../base/options.js";
import { parseCount, parseDuration, parseSize } from "./common.js";

type Parse = (text: string) => number;

type LimitName =
  | "maxConnections"
  | "maxWorkers"
  | "maxQueued"
  | "maxPayloadBytes"
  | "maxHeldBytes"
  | "maxUnreadBytes"
  | "heartbeatIntervalMs"
  | "livenessTimeoutMs"
  | "noWorkerTimeoutMs"
  | "cancelGraceMs"
  | "slowReaderTimeoutMs"
  | "defaultTimeoutMs"
  | "maxTimeoutMs"
  | "drainTimeoutMs";

/** The limits of a hub as the command line gives them. */
export type HubLimits = Required<Pick<HubOptions, LimitName>>;

/** Each limit that can be set: its flag, what it bounds, and how it is read. */
const flags: Record<LimitName, readonly [flag: string, what: string, parse: Parse]> = {
  maxConnections: ["--max-connections <n>", "connections at once", parseCount],
  maxWorkers: ["--max-workers <n>", "workers at once", parseCount],
  maxQueued: ["--max-queued <n>", "requests that wait for a worker", parseCount],
  maxPayloadBytes: ["--max-payload <size>", "bytes of one input or answer", parseSize],
  maxHeldBytes: ["--max-held <size>", "bytes of all requests and unread answers", parseSize],
  maxUnreadBytes: ["--max-unread <size>", "bytes that one client has not read", parseSize],
  heartbeatIntervalMs: [
    "--heartbeat-interval <time>",
    "how often workers are asked",
    parseDuration,
  ],
  livenessTimeoutMs: ["--liveness-timeout <time>", "silence that loses a worker", parseDuration],
  noWorkerTimeoutMs: ["--no-worker-timeout <time>", "wait for a first worker", parseDuration],
  cancelGraceMs: ["--cancel-grace <time>", "how long a cancelled job may go on", parseDuration],
  slowReaderTimeoutMs: ["--slow-reader-timeout <time>", "time to read an answer", parseDuration],
  defaultTimeoutMs: ["--default-timeout <time>", "the deadline of callers without", parseDuration],
  maxTimeoutMs: ["--max-timeout <time>", "the longest deadline", parseDuration],
  drainTimeoutMs: ["--drain-timeout <time>", "how long a shutdown waits", parseDuration],
};

const names = Object.keys(flags) as LimitName[];

/** The options of a command that starts a hub. */
export function limitOptions(): Option[] {
  return names.map((name) => {
    const [flag, what, parse] = flags[name];
    const usual = hubDefaults[name];
    return new Option(flag, what).argParser(parse).default(usual, show(usual, parse));
  });
}

/** What was given for them. */
export function readLimits(values: Record<string, unknown>): HubLimits {
  return Object.fromEntries(
    limitOptions().map((option, index) => [names[index], values[option.attributeName()]]),
  ) as HubLimits;
}

function show(value: number, parse: Parse): string {
  if (parse === parseSize) return `${value / 1024 ** 2}MiB`;
  if (parse !== parseDuration) return String(value);
  const seconds = value / 1000;
  if (seconds % 3600 === 0) return `${seconds / 3600}h`;
  return seconds % 60 === 0 ? `${seconds / 60}m` : `${seconds}s`;
}
