import { type CommonOptions, hubAddress, maxPayloadBytes } from "../base/options/common-options.js";
import type { OptionTable } from "../base/options/option-table.js";
import { MINUTE, SECOND, UINT32_MAX } from "../base/options/units.js";

/** How a `Worker` behaves. Times in milliseconds, sizes in bytes. */
export interface WorkerOptions extends CommonOptions {
  /** The hub. Default {@link DEFAULT_ADDRESS}. */
  hub?: string;
  /** The method that a single handler serves. Default "", the default method. */
  method?: string;
  /** Whether its requests may run again after a loss. Default: the caller says. */
  idempotent?: boolean;
  /** Arguments for the constructor, if the handler is a class. Default none. */
  args?: readonly unknown[];
  /**
   * Jobs at once. Default 1. With more than one the handler must not block the
   * event loop: the worker then promises to answer heartbeats while it computes.
   */
  slots?: number;
  /** A label for people. Default: host name, process id, and a number. */
  workerId?: string;
  /** The name of the program or model. Default "". */
  name?: string;
  /** The version of the program or model. Default "". */
  version?: string;
  /** Free labels for people and tools. Default none. */
  labels?: Readonly<Record<string, string>>;
  /** Whether callers get the stack of what a handler throws. Default false. */
  sendStacks?: boolean;
  /** Bytes of one payload that this worker takes and gives. Default 4 MiB. */
  maxPayloadBytes?: number;
  /** How long a connection attempt may take until the hub's welcome. Default 20 s. */
  connectTimeoutMs?: number;
  /** How long a drain waits for what runs. Default 30 s. */
  drainTimeoutMs?: number;
  /** Whether SIGTERM and SIGINT drain the worker while it runs. Default true. */
  handleSignals?: boolean;
}

/** How `startWorkers` runs a module in processes of their own. */
export interface WorkersOptions extends Omit<WorkerOptions, "slots" | "handleSignals"> {
  /** Processes, each with one slot. Default 1. */
  count?: number;
  /** After a cancel a handler has this long to return, at most half of the hub's grace; then its process is replaced. Default 5 s. */
  killGraceMs?: number;
  /** How long a process may take to load its module. Default 5 min. */
  startTimeoutMs?: number;
  /** Options of Node for the processes, such as `--max-old-space-size=4096`. Default none. */
  execArgv?: readonly string[];
  /** Gives the start up; the processes are killed. */
  signal?: AbortSignal;
}

type Unset = "workerId" | "idempotent";

/** The options of a worker, each set but for those that have no default. */
export type WorkerSettings = Required<Omit<WorkerOptions, keyof CommonOptions | Unset>> & {
  [Name in Unset]: WorkerOptions[Name] | undefined;
};

/** The options of a worker; those with a flag in the order of `gibbs worker --help`. */
export const workerOptionTable: OptionTable<WorkerSettings> = {
  hub: hubAddress,
  args: { default: [], flag: ["--args <json>", "constructor arguments, as a JSON array"] },
  method: {
    default: "",
    flag: ["--method <name>", "the method that a single handler serves"],
  },
  idempotent: {
    default: undefined,
    flag: ["--idempotent", "its requests may run again if a process is lost"],
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

/** The options of worker processes, each set but for those that have no default. */
export type WorkersSettings = Omit<WorkerSettings, "slots" | "handleSignals"> &
  Required<Pick<WorkersOptions, "count" | "killGraceMs" | "startTimeoutMs">>;

const { hub, sendStacks, slots, handleSignals, ...others } = workerOptionTable;

/** The options of worker processes; those with a flag in the order of `gibbs worker --help`. */
export const workersOptionTable: OptionTable<WorkersSettings> = {
  hub,
  count: {
    default: 1,
    unit: "count",
    min: 1,
    max: 10_000,
    flag: ["-n, --count <n>", "number of processes, each with one request at a time"],
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

/** What nobody needs to set. Times in milliseconds. */
export const workerFixed: {
  readonly holdMs: number;
  readonly reconnect: { readonly minMs: number; readonly maxMs: number };
  readonly reconnectSlow: { readonly afterMs: number; readonly maxMs: number };
  readonly respawn: { readonly minMs: number; readonly maxMs: number; readonly provenMs: number };
} = {
  /** How long a worker keeps a job for a slot that has gone before it gives the job back. */
  holdMs: 1 * SECOND,
  /** Pauses of a worker between two attempts to reach its hub, at first. */
  reconnect: { minMs: 100, maxMs: 1 * SECOND },
  /** The longest pause once the hub has been away for a while. */
  reconnectSlow: { afterMs: 30 * SECOND, maxMs: 5 * SECOND },
  /** Pauses before a worker process that died is replaced; they start anew once one has lived for a while. */
  respawn: { minMs: 50, maxMs: 5 * SECOND, provenMs: 10 * SECOND },
};
