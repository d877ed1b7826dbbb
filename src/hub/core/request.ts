import type { Bagged } from "../../base/bag.js";
import type { GibbsError } from "../../base/error.js";
import type { Linked, LinkedList } from "./linked-list.js";
import type { Session } from "./session.js";
import type { Timed } from "./timer-heap.js";
import type { Peer } from "./unread.js";

/** What a caller asks for. */
export interface Submission {
  /** By whom it is named, else its number, from which its name is made. */
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

/** Makes the name of a request from its number. */
export type RequestNamer = (number: number) => string;

/** Who waits for the outcomes of requests. One for many: a closure for each would be three objects more. */
export interface Caller {
  /** Called once for each request, when its `settle` is carried out. */
  settled(request: Request, outcome: Outcome): void;
}

/** What is kept of a submission. */
type Kept = Omit<Submission, "peer" | "requestId">;

/**
 * A request in the hub: waiting, or with one worker (its job), or settled. A million may
 * wait, and the collector of garbage passes over each of its objects: this is nearly the
 * only one.
 */
export class Request implements Kept, Linked<Request>, Timed, Bagged {
  readonly method: string;
  payload: Uint8Array | string;
  readonly metadata: MetadataPair[];
  readonly timeoutMs: number;
  readonly queueTimeoutMs: number | undefined;
  readonly runTimeoutMs: number | undefined;
  readonly idempotent: boolean | undefined;
  readonly maxAttempts: number;

  state: "queued" | "settled" | Job = "queued";
  /** What it holds: its payload and metadata. */
  readonly bytes: number;
  /** How many attempts may have run. Above zero its execution is unknown for ever. */
  attempts = 0;
  /** Since when it waits again, after an attempt. */
  requeuedAt: number | undefined;
  /** How often it was given back unstarted. */
  refusals = 0;
  /** Who gave it back, by session, and after which of that session's readies. */
  refusedBy: Map<Session, number> | undefined;
  /** The label of the worker that lost it last: the next attempt prefers another. */
  lostBy: string | undefined;

  prev: Request | undefined;
  next: Request | undefined;
  list: LinkedList<Request> | undefined;
  heapIndex = -1;
  bagIndex = -1;
  #id: string | number;
  readonly #nameOf: RequestNamer;

  constructor(
    /** Its place by arrival, kept over all attempts. */
    readonly seq: number,
    submission: Submission,
    readonly arrivedAt: number,
    /** Who is told its outcome: the core only keeps it. */
    readonly caller: Caller,
    /** What it is called by its caller. */
    readonly callId: number,
    nameOf: RequestNamer,
  ) {
    this.#id = submission.requestId;
    this.#nameOf = nameOf;
    this.method = submission.method;
    this.payload = submission.payload;
    this.metadata = submission.metadata;
    this.timeoutMs = submission.timeoutMs;
    this.queueTimeoutMs = submission.queueTimeoutMs;
    this.runTimeoutMs = submission.runTimeoutMs;
    this.idempotent = submission.idempotent;
    this.maxAttempts = submission.maxAttempts;
    this.bytes = submission.payload.length;
    for (const { key, value } of submission.metadata) this.bytes += key.length + value.length;
  }

  get timed(): "request" {
    return "request";
  }

  /** Its name; made when it is first asked for, as one that waits needs none. */
  get requestId(): string {
    if (typeof this.#id === "number") this.#id = this.#nameOf(this.#id);
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

/** One attempt at one worker: in flight until its one terminal event. */
export class Job implements Timed {
  readonly timed = "job";
  heapIndex = -1;

  constructor(
    readonly id: number,
    readonly session: Session,
    readonly request: Request,
    readonly startedAt: number,
  ) {}
}
