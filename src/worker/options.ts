import { type CommonOptions, hubAddress, maxPayloadBytes } from "../base/options/common-options.js";
import type { OptionTable } from "../base/options/option-table.js";
import { MINUTE, SECOND, UINT32_MAX } from "../base/options/units.js";

/** How a `Worker` behaves. Times in milliseconds, sizes in bytes. */
export interface WorkerOptions extends CommonOptions {
  /**
   * Where the hub is: `host:port`, `unix:path`, or up to 64 of these, separated by commas. The worker
   * is connected to one of them, chosen at random, and goes on to the next when that hub is lost,
   * drains, or is no hub at all. A name stands for all addresses that it resolves to. Default
   * {@link DEFAULT_ADDRESS}, unless the environment variable `GIBBS_HUB` names others.
   */
  hub?: string;
  /** The method that a single handler serves. Default "", the default method. */
  method?: string;
  /**
   * Whether requests may run again if the worker is lost. Default: whatever the caller specifies.
   */
  idempotent?: boolean;
  /** Constructor arguments, if the handler is a class. Default none. */
  args?: readonly unknown[];
  /**
   * The number of concurrent jobs. Default 1. With more than one, the handler must not block the
   * event loop, because the worker then promises to answer heartbeats while it computes.
   */
  slots?: number;
  /** A human-readable label. Default: host name, process id, and a number. */
  workerId?: string;
  /** The name of the program or model. Default "". */
  name?: string;
  /** The version of the program or model. Default "". */
  version?: string;
  /** Free-form labels for people and tools. Default none. */
  labels?: Readonly<Record<string, string>>;
  /** Whether callers receive the stack of an error that a handler throws. Default false. */
  sendStacks?: boolean;
  /** The largest payload that this worker accepts and sends, in bytes. Default 4 MiB. */
  maxPayloadBytes?: number;
  /** How long a connection attempt may take, up to the hub's welcome. Default 20 s. */
  connectTimeoutMs?: number;
  /** How long a drain waits for running jobs. Default 30 s. */
  drainTimeoutMs?: number;
  /** Whether SIGTERM and SIGINT drain the worker while it runs. Default true. */
  handleSignals?: boolean;
}

/** How `startWorkers` runs a module in separate processes. */
export interface WorkersOptions extends Omit<WorkerOptions, "slots" | "handleSignals"> {
  /** The number of processes, each with one slot. Default 1. */
  count?: number;
  /**
   * How long a cancelled handler may keep running before its process is replaced; at most half of
   * the hub's grace. Default 5 s.
   */
  killGraceMs?: number;
  /** How long a process may take to load its module. Default 5 min. */
  startTimeoutMs?: number;
  /** Node options for the processes, such as `--max-old-space-size=4096`. Default none. */
  execArgv?: readonly string[];
  /** Aborts the start and kills the processes. */
  signal?: AbortSignal;
}

type Unset = "workerId" | "idempotent";

/** The options of a worker, all set except those without a default. */
export type WorkerSettings = Required<Omit<WorkerOptions, keyof CommonOptions | Unset>> & {
  [Name in Unset]: WorkerOptions[Name] | undefined;
};

/** The options of a worker. Those with a flag are in the order that `gibbs worker --help` shows. */
export const workerOptionTable: OptionTable<WorkerSettings> = {
  hub: hubAddress,
  args: { default: [], flag: ["--args <json>", "constructor arguments, as a JSON array"] },
  method: {
    default: "",
    flag: ["--method <name>", "the method that a single handler serves"],
  },
  idempotent: {
    default: undefined,
    flag: ["--idempotent", "allow requests to run again if a process is lost"],
  },
  workerId: {
    default: undefined,
    flag: ["--worker-id <label>", "a human-readable label (default: host, process id, number)"],
  },
  sendStacks: { default: false, flag: ["--stacks", "send stack traces of errors to callers"] },
  slots: { default: 1, unit: "count", min: 1, max: UINT32_MAX },
  name: { default: "" },
  version: { default: "" },
  labels: { default: {} },
  maxPayloadBytes,
  connectTimeoutMs: { default: 20 * SECOND, unit: "ms" },
  drainTimeoutMs: { default: 30 * SECOND, unit: "ms" },
  handleSignals: { default: true },
};

/** The options of worker processes, all set except those without a default. */
export type WorkersSettings = Omit<WorkerSettings, "slots" | "handleSignals"> &
  Required<Pick<WorkersOptions, "count" | "killGraceMs" | "startTimeoutMs">>;

const { hub, sendStacks, slots, handleSignals, ...others } = workerOptionTable;

/**
 * The options of worker processes. Those with a flag are in the order that `gibbs worker --help`
 * shows.
 */
export const workersOptionTable: OptionTable<WorkersSettings> = {
  hub,
  count: {
    default: 1,
    unit: "count",
    min: 1,
    max: 10_000,
    flag: ["-n, --count <n>", "number of processes, each handling one request at a time"],
  },
  ...others,
  killGraceMs: {
    default: 5 * SECOND,
    unit: "ms",
    flag: ["--kill-grace <time>", "how long a cancelled handler may keep running"],
  },
  sendStacks,
  startTimeoutMs: { default: 5 * MINUTE, unit: "ms" },
};

/** Fixed values that need no option. Times in milliseconds. */
export const workerFixed: {
  readonly holdMs: number;
  readonly reconnect: { readonly minMs: number; readonly maxMs: number };
  readonly reconnectSlow: { readonly afterMs: number; readonly maxMs: number };
  readonly respawn: { readonly minMs: number; readonly maxMs: number; readonly provenMs: number };
} = {
  /** How long a worker holds a job whose slot has gone before it gives the job back. */
  holdMs: 1 * SECOND,
  /** The backoff between attempts to reach the hub, at first. */
  reconnect: { minMs: 100, maxMs: 1 * SECOND },
  /** The longest pause between attempts once the hub has been away for `afterMs`. */
  reconnectSlow: { afterMs: 30 * SECOND, maxMs: 5 * SECOND },
  /**
   * The backoff before a dead worker process is replaced; reset once a process has lived for
   * `provenMs`.
   */
  respawn: { minMs: 50, maxMs: 5 * SECOND, provenMs: 10 * SECOND },
};
