import type { Linked, LinkedList } from "../../../base/containers/linked-list.js";
import type { Timed } from "../../../base/containers/timer-heap.js";
import type { GibbsError } from "../../../base/errors/error.js";
import type { Peer } from "./unread.js";

/** A request as its caller submits it. */
export interface Submission {
  /** The caller's id, or a number to make one from. */
  requestId: string | number;
  /** The connection that gets the answer; undefined for a caller in this process. */
  peer: Peer | undefined;
  method: string;
  /**
   * The encoded payload, opaque to the core: a short one is a string with one character per byte.
   * Dropped when the request is settled.
   */
  payload: Uint8Array | string;
  metadata: MetadataPair[];
  /** The time allowed for the whole call. */
  timeoutMs: number;
  /** How long it may wait for a worker; undefined for no limit. */
  queueTimeoutMs: number | undefined;
  /** How long one attempt may run; undefined for no limit. */
  runTimeoutMs: number | undefined;
  /** Whether it may run again after a loss; undefined to use the worker's declaration. */
  idempotent: boolean | undefined;
  maxAttempts: number;
}

/** One entry of the caller's metadata. */
export interface MetadataPair {
  key: string;
  value: Uint8Array;
}

/** Shared by all requests without metadata, to save an array each; never written to. */
export const NO_METADATA: MetadataPair[] = [];

const nobody: Caller = { settled() {} };

/** The one outcome of a request. */
export type Outcome =
  | { kind: "answer"; payload: Uint8Array; info: RunInfo }
  | { kind: "failure"; error: GibbsError };

/** Where a request ran, and how long it waited and ran. */
export interface RunInfo {
  workerId: string;
  attempts: number;
  queueTimeMs: number;
  runTimeMs: number;
}

/**
 * Identifies one request to the core: its `seq`, which is never reused. A ticket is void once its
 * request is settled.
 */
export type Ticket = number;

/** Makes a request id from its number. */
export type RequestIdFormat = (number: number) => string;

/** Receives the outcomes of many requests; a closure for each would cost three more objects. */
export interface Caller {
  /**
   * Called once per request, when its `settle` is carried out; must not throw. `callId` is the one
   * with which the request was submitted.
   */
  settled(callId: number, requestId: string, outcome: Outcome): void;
}

/** One attempt, as the request sees it: a job in flight. */
export interface Attempt {
  readonly session: { readonly workerId: string };
  readonly startedAt: number;
  /** Undefined once the answer is no longer wanted. */
  request: Request | undefined;
}

/** The part of a submission that the request keeps. */
type Kept = Omit<Submission, "peer" | "requestId">;

/**
 * A request in the hub: queued, with one worker (as a job), or settled. Once its caller has the
 * outcome, {@link Request.begin} may reuse it: a request that waits outlives the young generation,
 * and a hub with a long queue would fill the old generation with settled requests.
 */
export class Request implements Kept, Linked<Request>, Timed {
  method = "";
  payload: Uint8Array | string = "";
  metadata: MetadataPair[] = NO_METADATA;
  timeoutMs = 0;
  queueTimeoutMs: number | undefined;
  runTimeoutMs: number | undefined;
  idempotent: boolean | undefined;
  maxAttempts = 0;

  state: "queued" | "settled" | Attempt = "settled";
  /** Its place in arrival order, kept across attempts; also its {@link Ticket}. */
  seq = 0;
  /** When it arrived, on the core's clock. */
  arrivedAt = 0;
  /** The size of its payload and metadata. */
  bytes = 0;
  /** Receives its outcome; the core only stores it. */
  caller: Caller = nobody;
  /** Its id among its caller's open calls, if there can be several. */
  callId = 0;
  /** The number of attempts that may have run. Above zero, its execution stays unknown. */
  attempts = 0;
  /** When it was queued again, after a lost attempt. */
  requeuedAt: number | undefined;
  /** How many times it was given back unstarted. */
  refusals = 0;
  /** The sessions that gave it back, each with its `readies` at that time. */
  refusedBy: Map<number, number> | undefined;
  /** The id of the worker that last lost it: the next attempt prefers another. */
  lostBy: string | undefined;

  prev: Request | undefined;
  next: Request | undefined;
  list: LinkedList<Request> | undefined;
  heapIndex = -1;
  #id: string | number = 0;
  readonly #formatId: RequestIdFormat;

  constructor(formatId: RequestIdFormat) {
    this.#formatId = formatId;
  }

  /** Fills in a new or cleared object from a submission. */
  begin(seq: number, wish: Submission, now: number, caller: Caller, callId: number): void {
    this.#id = wish.requestId;
    this.method = wish.method;
    this.payload = wish.payload;
    this.metadata = wish.metadata;
    this.timeoutMs = wish.timeoutMs;
    this.queueTimeoutMs = wish.queueTimeoutMs;
    this.runTimeoutMs = wish.runTimeoutMs;
    this.idempotent = wish.idempotent;
    this.maxAttempts = wish.maxAttempts;
    this.state = "queued";
    this.seq = seq;
    this.arrivedAt = now;
    this.bytes = wish.payload.length;
    for (const { key, value } of wish.metadata) this.bytes += key.length + value.length;
    this.caller = caller;
    this.callId = callId;
  }

  /** Resets the object for reuse, and drops its references. */
  clear(): void {
    this.#id = 0;
    this.method = "";
    this.metadata = NO_METADATA;
    this.caller = nobody;
    this.attempts = 0;
    this.requeuedAt = undefined;
    this.refusals = 0;
    this.refusedBy = undefined;
    this.lostBy = undefined;
  }

  get timed(): "request" {
    return "request";
  }

  /** Made on first use: a request that only waits needs none. */
  get requestId(): string {
    if (typeof this.#id === "number") this.#id = this.#formatId(this.#id);
    return this.#id;
  }

  /** The deadline of the whole call. */
  get deadlineAt(): number {
    return this.arrivedAt + this.timeoutMs;
  }

  /** When its current or last wait began. */
  get queuedAt(): number {
    return this.requeuedAt ?? this.arrivedAt;
  }
}
