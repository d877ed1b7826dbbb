import {
  type CommonOptions,
  maxPayloadBytes,
  type RequestOptions,
} from "../base/options/common-options.js";
import type { OptionTable } from "../base/options/option-table.js";
import { MINUTE, MiB, SECOND } from "../base/options/units.js";

/** How a `Client` behaves. Times in milliseconds. */
export interface ClientOptions extends Omit<CommonOptions, "logger"> {
  /**
   * `multiplex`: all requests share a stream, which is faster. `unary`: each request is its own
   * gRPC call, as with any generated client. Default `multiplex`.
   */
  transport?: "multiplex" | "unary";
  /** How long a request waits for a connection to the hub. Default 20 s. */
  connectTimeoutMs?: number;
  /** The timeout of requests that do not set their own. Default 10 min. */
  timeoutMs?: number;
  /** The largest payload, in bytes. Default 4 MiB. */
  maxPayloadBytes?: number;
}

/** How to run many requests. */
export interface MapOptions extends Omit<RequestOptions, "requestId"> {
  /** The maximum number of requests in flight or answered but not yet consumed. Default 64. */
  concurrency?: number;
  /** Whether to yield answers in input order rather than as they arrive. Default true. */
  ordered?: boolean;
}

/** The options of a client, all set. */
export type ClientSettings = Required<Omit<ClientOptions, keyof CommonOptions>>;

/** The options of a client. */
export const clientOptionTable: OptionTable<ClientSettings> = {
  transport: { default: "multiplex" },
  connectTimeoutMs: {
    default: 20 * SECOND,
    unit: "ms",
    flag: ["--connect-timeout <time>", "how long to wait for the hub"],
  },
  timeoutMs: { default: 10 * MINUTE, unit: "ms" },
  maxPayloadBytes,
};

/** The options of `Client.map` besides those of its requests, all set. */
export type MapSettings = Required<Pick<MapOptions, "concurrency" | "ordered">>;

/** The options of `Client.map` besides those of its requests. */
export const mapOptionTable: OptionTable<MapSettings> = {
  concurrency: {
    default: 64,
    unit: "count",
    min: 1,
    max: 1_000_000,
    flag: [
      "-c, --concurrency <n>",
      "maximum requests in flight, or answered and waiting for an earlier one",
    ],
  },
  ordered: { default: true },
};

/** Fixed values that need no option. Sizes in bytes, times in milliseconds. */
export const clientFixed: {
  readonly maxUnsentBytes: number;
  readonly idleStreamMs: number;
  readonly retry: { readonly minMs: number; readonly maxMs: number };
} = {
  /**
   * Bytes of requests that may wait in the client to be sent: enough for the default `concurrency`
   * of `map` with the largest payloads. A single request may exceed it.
   */
  maxUnsentBytes: 256 * MiB,
  /** A stream without requests is closed after at most twice this time. */
  idleStreamMs: 5 * SECOND,
  /** The backoff before resending a request that a restarting hub did not accept. */
  retry: { minMs: 50, maxMs: 1 * SECOND },
};
