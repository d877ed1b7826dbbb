import type { Clock } from "../clock.js";
import type { Logger } from "../logger.js";
import type { Random } from "../random.js";
import { fixed, welcomeDefaults } from "./limits.js";
import type { OptionEntry, OptionTable } from "./option-table.js";
import { INT32_MAX } from "./units.js";

/** Where hubs listen and clients and workers look for them, unless told otherwise. */
export const DEFAULT_ADDRESS = "127.0.0.1:5019";

/** What is the same for a hub and a worker. */
export interface CommonOptions {
  /** Where to tell what happens. Default: nowhere. */
  logger?: Logger;
  /** Time. For tests. Default: the machine's. */
  clock?: Clock;
  /** Chance, so that peers do not act in step. For tests. Default: `Math.random`. */
  random?: Random;
}

/** How one request is to be run. Times in milliseconds. */
export interface RequestOptions {
  /** Which method of the workers. Default "", the default method. */
  method?: string;
  /** How long the whole call may take. Default: the client's. */
  timeoutMs?: number;
  /** How long it may wait for a worker. Default: as long as the call. */
  queueTimeoutMs?: number;
  /** How long one attempt may run. Default: as long as the call. */
  runTimeoutMs?: number;
  /** Gives the request up. */
  signal?: AbortSignal;
  /** Whether it may run again if its worker is lost. Default: as the worker declared. */
  idempotent?: boolean;
  /** How often an idempotent request may be started, 1 to 10. Default 3. */
  maxAttempts?: number;
  /** Names the request in answers, errors and logs. Default: made by the hub. */
  requestId?: string;
  /** gRPC metadata for the worker; the hub forwards only what its operator allows. */
  metadata?: Readonly<Record<string, string | Uint8Array>>;
}

/** The options of a request that the command line sets. Their defaults are the client's or the hub's. */
export const requestOptionTable: OptionTable<{
  method: string;
  timeoutMs: number | undefined;
  idempotent: boolean | undefined;
  maxAttempts: number | undefined;
}> = {
  method: { default: "", flag: ["--method <name>", "the method to call"] },
  timeoutMs: {
    default: undefined,
    unit: "ms",
    flag: ["--timeout <time>", "how long the whole call may take (default: 10m)"],
  },
  idempotent: {
    default: undefined,
    flag: ["--idempotent", "it may run again when its worker is lost"],
  },
  maxAttempts: {
    default: undefined,
    unit: "count",
    min: 1,
    max: fixed.maxAttempts,
    flag: ["--max-attempts <n>", "how often an idempotent request may be started"],
  },
};

/** Which hub, of workers and clients. */
export const hubAddress: OptionEntry<string> = {
  default: DEFAULT_ADDRESS,
  env: "GIBBS_HUB",
  flag: ["--hub <address>", "the hub, host:port"],
};

/** The largest payload, the same for hub, workers and clients. */
export const maxPayloadBytes: OptionEntry<number> = {
  default: welcomeDefaults.maxPayloadBytes,
  unit: "bytes",
  min: 1,
  max: INT32_MAX - fixed.envelopeBytes,
};
