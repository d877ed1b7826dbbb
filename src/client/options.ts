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
   * `multiplex`: all requests share a stream, the fast way. `unary`: each is a gRPC
   * call of its own, as any generated client makes it. Default `multiplex`.
   */
  transport?: "multiplex" | "unary";
  /** How long a request waits for a connection to the hub. Default 20 s. */
  connectTimeoutMs?: number;
  /** The timeout of requests that set none. Default 10 min. */
  timeoutMs?: number;
  /** Bytes of one payload. Default 4 MiB. */
  maxPayloadBytes?: number;
}

/** How many requests are to be run. */
export interface MapOptions extends Omit<RequestOptions, "requestId"> {
  /** How many may be under way, or answered and not taken yet. Default 64. */
  concurrency?: number;
  /** Whether answers come in the order of the inputs, or as they are there. Default true. */
  ordered?: boolean;
}

/** The options of a client, each set. */
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

/** What `Client.map` needs beyond the options of its requests, each set. */
export type MapSettings = Required<Pick<MapOptions, "concurrency" | "ordered">>;

/** The options of `Client.map`, beyond those of its requests. */
export const mapOptionTable: OptionTable<MapSettings> = {
  concurrency: {
    default: 64,
    unit: "count",
    min: 1,
    max: 1_000_000,
    flag: [
      "-c, --concurrency <n>",
      "requests in flight, or answered and waiting for an earlier one",
    ],
  },
  ordered: { default: true },
};

/** What nobody needs to set. Sizes in bytes, times in milliseconds. */
export const clientFixed: {
  readonly maxUnsentBytes: number;
  readonly idleStreamMs: number;
  readonly retry: { readonly minMs: number; readonly maxMs: number };
} = {
  /**
   * Bytes of requests that wait in a client for the hub to read on: as many of the largest
   * as `map` has under way. One alone may be larger.
   */
  maxUnsentBytes: 256 * MiB,
  /** A client's stream without requests is closed after twice this time, at most. */
  idleStreamMs: 5 * SECOND,
  /** Pauses of a client before it sends a request again that a restarting hub did not take. */
  retry: { minMs: 50, maxMs: 1 * SECOND },
};
