import type { Linked, LinkedList } from "../../../base/containers/linked-list.js";
import type { Timed } from "../../../base/containers/timer-heap.js";
import type { GibbsError } from "../../../base/errors/error.js";
import type { Peer } from "./unread.js";

/** What a caller asks for. */
export interface Submission {
  /** The id that its caller gave it, else a number, from which one is made. */
  requestId: string | number;
  /** The connection that waits for the answer; undefined for a caller in this process. */
  peer: Peer | undefined;
  method: string;
  /**
   * The encoded payload, which the core never looks into: a short one is a string with a
   * character for each byte. A request lets go of it when it is settled.
   */
  payload: Uint8Array | string;
  metadata: MetadataPair[];
  /** How long it may take, all in all. */
  timeoutMs: number;
  /** How long it may wait for a worker, undefined for no limit. */
  queueTimeoutMs: number | undefined;
  /** How long one attempt may run, undefined for no limit. */
  runTimeoutMs: number | undefined;
  /** Whether it may run again after a loss; undefined: as the worker declared. */
  idempotent: boolean | undefined;
  maxAttempts: number;
}

/** One entry of the caller's metadata. */
export interface MetadataPair {
  key: string;
  value: Uint8Array;
}

/** Of all that bring none, and never written to: a million that wait would hold as many arrays. */
export const NO_METADATA: MetadataPair[] = [];

const nobody: Caller = { settled() {} };

/** The one outcome of a request. */
export type Outcome =
  | { kind: "answer"; payload: Uint8Array; info: RunInfo }
  | { kind: "failure"; error: GibbsError };

/** How a request went. */
export interface RunInfo {
  workerId: string;
  attempts: number;
  queueTimeMs: number;
  runTimeMs: number;
}

/**
 * Names one request to the core, for good: it is the request's `seq`, which no other
 * request ever has. Once its request is settled, a ticket names nothing.
 */
export type Ticket = number;

/** Makes the id of a request from its number. */
export type RequestIdFormat = (number: number) => string;

/** Who waits for the outcomes of requests. One for many: a closure for each would be three objects more. */
export interface Caller {
  /**
   * Called once for each request, when its `settle` is carried out; must not throw.
   * `callId` is the one that the request was submitted with.
   */
  settled(callId: number, requestId: string, outcome: Outcome): void;
}

/** One attempt at a worker, as the request sees it: a job in flight. */
export interface Attempt {
  readonly session: { readonly workerId: string };
  readonly startedAt: number;
  /** Undefined once the answer is no longer wanted. */
  request: Request | undefined;
}

/** What is kept of a submission. */
type Kept = Omit<Submission, "peer" | "requestId">;

/**
 * A request in the hub: waiting, or with one worker (its job), or settled. Once its
 * caller was told it may {@link Request.begin} again as another: one that waits outlives the
 * young collections of garbage, and a hub behind which many wait would fill the old
 * generation with settled ones.
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
  /** Its place by arrival, kept over all attempts, and its {@link Ticket}. */
  seq = 0;
  /** When it came, on the core's clock. */
  arrivedAt = 0;
  /** What it holds: its payload and metadata. */
  bytes = 0;
  /** Who is told its outcome: the core only keeps it. */
  caller: Caller = nobody;
  /** Its id among the open calls of its caller, if that has several. */
  callId = 0;
  /** How many attempts may have run. Above zero its execution is unknown for ever. */
  attempts = 0;
  /** Since when it waits again, after an attempt. */
  requeuedAt: number | undefined;
  /** How often it was given back unstarted. */
  refusals = 0;
  /** Who gave it back, by session, and after which of that session's readies. */
  refusedBy: Map<number, number> | undefined;
  /** The label of the worker that lost it last: the next attempt prefers another. */
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

  /** Becomes a request: of a new object, or of one that was cleared. */
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

  /** Forgets what it was, so that it may begin again, and lets go of what it holds of others. */
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

  /** Made when it is first asked for, as one that waits needs none. */
  get requestId(): string {
    if (typeof this.#id === "number") this.#id = this.#formatId(this.#id);
    return this.#id;
  }

  /** When the whole call is over. */
  get deadlineAt(): number {
    return this.arrivedAt + this.timeoutMs;
  }

  /** Since when it waits, or waited last. */
  get queuedAt(): number {
    return this.requeuedAt ?? this.arrivedAt;
  }
}
