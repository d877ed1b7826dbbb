import type { Clock } from "./clock.js";
import type { Logger } from "./logger.js";
import type { Random } from "./random.js";

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

/** How a `Hub` behaves. Times in milliseconds, sizes in bytes. */
export interface HubOptions extends CommonOptions {
  /** `host:port`; port 0 takes a free one. Default {@link DEFAULT_ADDRESS}. */
  listen?: string;
  /** Allows an address beyond loopback, without TLS. Default false. */
  insecure?: boolean;
  /** Connections at once; a further one is closed. Default 20,000. */
  maxConnections?: number;
  /** Workers at once. Default 20,000. */
  maxWorkers?: number;
  /** Requests that wait for a worker. Default 10,000. */
  maxQueued?: number;
  /** Bytes of all unsettled requests and of all answers that are not read yet. Default 256 MiB. */
  maxHeldBytes?: number;
  /** Bytes of answers that one client has not read when it gets nothing more. Default 64 MiB. */
  maxUnreadBytes?: number;
  /** How long a client may take to read an answer, beyond what 4 KiB/s need. Default 30 s. */
  slowReaderTimeoutMs?: number;
  /** Bytes of one payload. Default 4 MiB. */
  maxPayloadBytes?: number;
  /** Slots of one worker. Default 1,024. */
  maxSlots?: number;
  /** Calls that one Multiplex stream may have open; a client opens another stream for more. Default 1,024. */
  maxOpenCalls?: number;
  /** Streams that one connection may have open. Default 20,000. */
  maxStreamsPerConnection?: number;
  /** How long a new connection may take to speak HTTP/2, and a new worker to say hello. Default 5 s. */
  helloTimeoutMs?: number;
  /** After this silence a worker is asked for a sign of life. Default 2 s, or a third of the liveness timeout. */
  heartbeatIntervalMs?: number;
  /** After this silence a worker is lost, at least 200 ms. Default 10 s. */
  livenessTimeoutMs?: number;
  /** After this silence a worker leaves the hub and dials again. Default 30 s. */
  hubTimeoutMs?: number;
  /** How long a cancelled job may take to end before its worker is dropped. Default 30 s. */
  cancelGraceMs?: number;
  /** How long requests wait for a method that no worker serves; `Infinity`: for ever. Default 30 s. */
  noWorkerTimeoutMs?: number;
  /** The deadline of callers that set none. Default 10 min. */
  defaultTimeoutMs?: number;
  /** The longest deadline; a longer one is shortened. Default 24 h. */
  maxTimeoutMs?: number;
  /** How long a drain waits for what runs. Default 30 s. */
  drainTimeoutMs?: number;
  /** The caller's metadata that reaches workers. Default traceparent, tracestate, baggage. */
  forwardMetadata?: readonly string[];
}

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

/** How many requests are to be run. */
export interface MapOptions extends Omit<RequestOptions, "requestId"> {
  /** How many may be under way, or answered and not taken yet. Default 64. */
  concurrency?: number;
  /** Whether answers come in the order of the inputs, or as they are there. Default true. */
  ordered?: boolean;
}

const KiB = 1024;
const MiB = 1024 * KiB;
const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** Every limit of a hub. */
export const hubDefaults: Required<Omit<HubOptions, keyof CommonOptions>> = {
  listen: DEFAULT_ADDRESS,
  insecure: false,
  maxConnections: 20_000,
  maxWorkers: 20_000,
  maxQueued: 10_000,
  maxHeldBytes: 256 * MiB,
  maxUnreadBytes: 64 * MiB,
  slowReaderTimeoutMs: 30 * SECOND,
  maxPayloadBytes: 4 * MiB,
  maxSlots: 1024,
  maxOpenCalls: 1024,
  maxStreamsPerConnection: 20_000,
  helloTimeoutMs: 5 * SECOND,
  heartbeatIntervalMs: 2 * SECOND,
  livenessTimeoutMs: 10 * SECOND,
  hubTimeoutMs: 30 * SECOND,
  cancelGraceMs: 30 * SECOND,
  noWorkerTimeoutMs: 30 * SECOND,
  defaultTimeoutMs: 10 * MINUTE,
  maxTimeoutMs: 24 * 60 * MINUTE,
  drainTimeoutMs: 30 * SECOND,
  forwardMetadata: ["traceparent", "tracestate", "baggage"],
};

/** Every limit of a worker. */
export const workerDefaults: Required<
  Omit<WorkerOptions, keyof CommonOptions | "workerId" | "idempotent">
> = {
  hub: DEFAULT_ADDRESS,
  method: "",
  args: [],
  slots: 1,
  name: "",
  version: "",
  labels: {},
  sendStacks: false,
  maxPayloadBytes: 4 * MiB,
  connectTimeoutMs: 20 * SECOND,
  drainTimeoutMs: 30 * SECOND,
  handleSignals: true,
};

/** Every limit of worker processes, beyond those of a worker. */
export const workersDefaults: Required<
  Pick<WorkersOptions, "count" | "killGraceMs" | "startTimeoutMs">
> = {
  count: 1,
  killGraceMs: 5 * SECOND,
  startTimeoutMs: 5 * MINUTE,
};

/** Every limit of a client. */
export const clientDefaults: Required<Omit<ClientOptions, keyof CommonOptions>> = {
  transport: "multiplex",
  connectTimeoutMs: 20 * SECOND,
  timeoutMs: 10 * MINUTE,
  maxPayloadBytes: 4 * MiB,
};

/** How `Client.map` runs unless told otherwise. */
export const mapDefaults: Required<Pick<MapOptions, "concurrency" | "ordered">> = {
  concurrency: 64,
  ordered: true,
};

/** What nobody needs to set. Sizes in bytes, times in milliseconds. */
export const fixed: {
  readonly envelopeBytes: number;
  readonly maxNameLength: number;
  readonly maxLabels: number;
  readonly maxMethods: number;
  readonly maxMetadataBytes: number;
  readonly maxDetailsBytes: number;
  readonly holdMs: number;
  readonly defaultAttempts: number;
  readonly maxAttempts: number;
  readonly maxUnsentBytes: number;
  readonly maxLineBytes: number;
  readonly maxLinesBytes: number;
  readonly idleStreamMs: number;
  readonly retry: { readonly minMs: number; readonly maxMs: number };
  readonly reconnect: { readonly minMs: number; readonly maxMs: number };
  readonly reconnectSlow: { readonly afterMs: number; readonly maxMs: number };
  readonly respawn: { readonly minMs: number; readonly maxMs: number; readonly provenMs: number };
} = {
  /** What a message may hold beside one payload: the transport's limit is both together. */
  envelopeBytes: 256 * KiB,
  /** Characters of a method, a worker id, a request id, a label. */
  maxNameLength: 256,
  /** Labels of a worker. */
  maxLabels: 64,
  /** Methods of a worker. */
  maxMethods: 256,
  /** Bytes of the caller's metadata that reach a worker. */
  maxMetadataBytes: 8 * KiB,
  /** Bytes of all that a failed call's status carries beside its code and message. */
  maxDetailsBytes: 4 * KiB,
  /** How long a worker keeps a job for a slot that has gone before it gives the job back. */
  holdMs: 1 * SECOND,
  /** Attempts of an idempotent request whose caller does not say. */
  defaultAttempts: 3,
  /** Attempts that a caller may ask for. */
  maxAttempts: 10,
  /**
   * Bytes of requests that wait in a client for the hub to read on: as many of the largest
   * as `map` has under way. One alone may be larger.
   */
  maxUnsentBytes: 256 * MiB,
  /** Bytes of a line of JSON that is an input: an escape takes six for one of the payload. */
  maxLineBytes: 24 * MiB,
  /** Bytes of such lines that are under way at once. */
  maxLinesBytes: 64 * MiB,
  /** A client's stream without requests is closed after twice this time, at most. */
  idleStreamMs: 5 * SECOND,
  /** Pauses of a client before it sends a request again that a restarting hub did not take. */
  retry: { minMs: 50, maxMs: 1 * SECOND },
  /** Pauses of a worker between two attempts to reach its hub, at first. */
  reconnect: { minMs: 100, maxMs: 1 * SECOND },
  /** The longest pause once the hub has been away for a while. */
  reconnectSlow: { afterMs: 30 * SECOND, maxMs: 5 * SECOND },
  /** Pauses before a worker process that died is replaced; they start anew once one has lived for a while. */
  respawn: { minMs: 50, maxMs: 5 * SECOND, provenMs: 10 * SECOND },
};
