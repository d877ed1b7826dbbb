import {
  type CommonOptions,
  DEFAULT_ADDRESS,
  maxPayloadBytes,
} from "../base/options/common-options.js";
import { welcomeDefaults } from "../base/options/limits.js";
import type { OptionTable } from "../base/options/option-table.js";
import { HOUR, INT32_MAX, MINUTE, MiB, SECOND, UINT32_MAX } from "../base/options/units.js";

/** How a `Hub` behaves. Times are in milliseconds, sizes in bytes. */
export interface HubOptions extends CommonOptions {
  /** `host:port`; port 0 picks a free one. Default {@link DEFAULT_ADDRESS}. */
  listen?: string;
  /** Allows a non-loopback address, without TLS. Default false. */
  insecure?: boolean;
  /** Maximum connections; further ones are closed. Default 20,000. */
  maxConnections?: number;
  /** Maximum workers. Default 20,000. */
  maxWorkers?: number;
  /** Maximum requests waiting for a worker. Default 10,000. */
  maxQueued?: number;
  /** Maximum bytes of all unsettled requests and all unread answers. Default 256 MiB. */
  maxHeldBytes?: number;
  /** Maximum bytes of unread answers per client. Default 64 MiB. */
  maxUnreadBytes?: number;
  /**
   * How long a client may take to read an answer, in addition to the time that it takes at 4 KiB/s.
   * Default 30 s.
   */
  slowReaderTimeoutMs?: number;
  /** Maximum bytes of one payload. Default 4 MiB. */
  maxPayloadBytes?: number;
  /** Maximum slots of one worker. Default 1,024. */
  maxSlots?: number;
  /**
   * Maximum open calls of one Multiplex stream; a client opens another stream for more. Default
   * 1,024.
   */
  maxOpenCalls?: number;
  /** Maximum open streams of one connection. Default 20,000. */
  maxStreamsPerConnection?: number;
  /**
   * How long a new connection may take to speak HTTP/2, and a new worker to send `hello`. Default 5
   * s.
   */
  helloTimeoutMs?: number;
  /**
   * How often each worker is sent a heartbeat; with very many workers, less often. Default 2 s, or
   * a third of the liveness timeout.
   */
  heartbeatIntervalMs?: number;
  /** Silence after which a worker is lost, at least 200 ms. Default 10 s. */
  livenessTimeoutMs?: number;
  /** Silence of the hub after which a worker disconnects and dials again. Default 30 s. */
  hubTimeoutMs?: number;
  /** How long a cancelled job may take to end before its worker is dropped. Default 30 s. */
  cancelGraceMs?: number;
  /**
   * How long requests wait for a method that no worker serves; `Infinity` means no limit. Default
   * 30 s.
   */
  noWorkerTimeoutMs?: number;
  /** The deadline for callers that set none. Default 10 min. */
  defaultTimeoutMs?: number;
  /** The longest deadline; longer ones are shortened to it. Default 24 h. */
  maxTimeoutMs?: number;
  /** How long a drain waits for running requests. Default 30 s. */
  drainTimeoutMs?: number;
  /**
   * Keys of the caller's metadata to forward to workers. Default traceparent, tracestate, baggage.
   */
  forwardMetadata?: readonly string[];
}

/** A hub's options, all of them set. */
export type HubSettings = Required<Omit<HubOptions, keyof CommonOptions>>;

/** The options of a hub; those with a flag are in the order of `gibbs hub --help`. */
export const hubOptionTable: OptionTable<HubSettings> = {
  listen: {
    default: DEFAULT_ADDRESS,
    env: "GIBBS_LISTEN",
    flag: ["--listen <address>", "address to listen on, host:port; port 0 picks a free one"],
  },
  insecure: {
    default: false,
    flag: ["--insecure", "allow a non-loopback address, without TLS"],
  },
  maxConnections: {
    default: 20_000,
    unit: "count",
    min: 1,
    max: UINT32_MAX,
    flag: ["--max-connections <n>", "maximum number of connections"],
  },
  maxWorkers: {
    default: 20_000,
    unit: "count",
    min: 1,
    max: UINT32_MAX,
    flag: ["--max-workers <n>", "maximum number of workers"],
  },
  maxQueued: {
    default: 10_000,
    unit: "count",
    flag: ["--max-queued <n>", "maximum number of requests waiting for a worker"],
  },
  maxPayloadBytes: {
    ...maxPayloadBytes,
    unit: "bytes",
    flag: ["--max-payload <size>", "maximum size of one input or answer"],
  },
  maxHeldBytes: {
    default: 256 * MiB,
    unit: "bytes",
    flag: ["--max-held <size>", "maximum total size of requests and unread answers"],
  },
  maxUnreadBytes: {
    default: 64 * MiB,
    unit: "bytes",
    flag: ["--max-unread <size>", "maximum size of unread answers per client"],
  },
  heartbeatIntervalMs: {
    default: welcomeDefaults.heartbeatIntervalMs,
    unit: "ms",
    min: 1,
    max: INT32_MAX,
    flag: ["--heartbeat-interval <time>", "how often each worker is sent a heartbeat"],
  },
  livenessTimeoutMs: {
    default: welcomeDefaults.livenessTimeoutMs,
    unit: "ms",
    min: 200,
    max: INT32_MAX,
    flag: ["--liveness-timeout <time>", "silence after which a worker counts as lost"],
  },
  noWorkerTimeoutMs: {
    default: 30 * SECOND,
    unit: "ms",
    max: Number.POSITIVE_INFINITY,
    flag: [
      "--no-worker-timeout <time>",
      "how long requests wait for a method that no worker serves",
    ],
  },
  cancelGraceMs: {
    default: welcomeDefaults.cancelGraceMs,
    unit: "ms",
    max: INT32_MAX,
    flag: ["--cancel-grace <time>", "how long a cancelled job may keep running"],
  },
  slowReaderTimeoutMs: {
    default: 30 * SECOND,
    unit: "ms",
    min: 1,
    max: INT32_MAX,
    flag: ["--slow-reader-timeout <time>", "how long a client may take to read an answer"],
  },
  defaultTimeoutMs: {
    default: 10 * MINUTE,
    unit: "ms",
    min: 1,
    max: INT32_MAX,
    flag: ["--default-timeout <time>", "deadline for callers that set none"],
  },
  maxTimeoutMs: {
    default: 24 * HOUR,
    unit: "ms",
    min: 1,
    max: INT32_MAX,
    flag: ["--max-timeout <time>", "longest deadline that a caller may set"],
  },
  drainTimeoutMs: {
    default: 30 * SECOND,
    unit: "ms",
    flag: ["--drain-timeout <time>", "how long a shutdown waits for running requests"],
  },
  maxSlots: { default: welcomeDefaults.maxSlots, unit: "count", min: 1, max: UINT32_MAX },
  maxOpenCalls: { default: 1024, unit: "count", min: 1, max: UINT32_MAX },
  maxStreamsPerConnection: { default: 20_000, unit: "count" },
  helloTimeoutMs: { default: 5 * SECOND, unit: "ms" },
  hubTimeoutMs: { default: welcomeDefaults.hubTimeoutMs, unit: "ms", min: 1, max: INT32_MAX },
  forwardMetadata: { default: ["traceparent", "tracestate", "baggage"] },
};
