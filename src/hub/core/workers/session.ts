import { IdMap } from "../../../base/containers/id-map.js";
import type { Linked, LinkedList } from "../../../base/containers/linked-list.js";
import type { Timed } from "../../../base/containers/timer-heap.js";
import { MAX_JOB_ID } from "../limits.js";
import type { Attempt, Request } from "../requests/request.js";
import { type Slot, SlotLedger } from "./slots.js";
import type { WorkerGroup } from "./worker-group.js";

/** What a worker says about itself. */
export interface WorkerHello {
  workerId: string;
  /** For people: its name, its own version, and its library. Each may be empty. */
  name: string;
  version: string;
  sdk: string;
  labels: Readonly<Record<string, string>>;
  /**
   * Identifies the process: a later session with the same id supersedes this one. Empty if it has
   * no id.
   */
  instanceId: string;
  /** The methods it serves, and whether each may run more than once. */
  methods: ReadonlyMap<string, { idempotent: boolean }>;
  /** Whether its silence counts against it while it computes. */
  beatsWhileBusy: boolean;
  maxReceiveBytes: number;
  maxSlots: number;
}

/**
 * The states of a worker's stream.
 *
 * | from | event | to |
 * |---|---|---|
 * | opening | hello | serving |
 * | serving | drain, of worker or hub | draining |
 * | any | stream lost, violation, silence, or drained | ended |
 */
export type SessionState = "opening" | "serving" | "draining" | "ended";

/** A worker's stream: its slots, and its jobs in flight (written, without a terminal event). */
export class Session implements Timed, Linked<Session> {
  readonly timed = "session";
  state: SessionState = "opening";
  hello: WorkerHello | undefined;
  readonly slots: SlotLedger = new SlotLedger();
  readonly inFlight: IdMap<Job> = new IdMap();
  /**
   * The workers that serve the same methods, while it serves; while idle, it is in their idle list.
   */
  group: WorkerGroup<Session> | undefined;
  /** When it became idle, as a sequence number. Owned by the queues, like its list links. */
  idleSeq = 0;
  prev: Session | undefined;
  next: Session | undefined;
  list: LinkedList<Session> | undefined;
  /** Whether its socket is full: it then gets work only if no other session can take it. */
  congested = false;
  /** Whether its worker is in a crash loop, and gets no jobs for now. */
  isHeldBack = false;
  /** How many times it has sent ready. */
  readies = 0;
  // Initialised to numbers: if they began as undefined, V8 would allocate an object for each new
  // time.
  lastHeardAt = 0;
  lastBeatAt = 0;
  /** Until this time silence proves nothing: a large message is in transit, in either direction. */
  excusedUntil = 0;
  heapIndex = -1;
  #lastJobId = 0;

  constructor(
    readonly id: number,
    openedAt: number,
  ) {
    this.lastHeardAt = openedAt;
    this.lastBeatAt = openedAt;
  }

  get workerId(): string {
    return this.hello?.workerId ?? "";
  }

  get instanceId(): string {
    return this.hello?.instanceId ?? "";
  }

  /** Whether it is draining and has no jobs left. */
  get isDrained(): boolean {
    return this.state === "draining" && this.inFlight.size === 0;
  }

  /** How many more jobs it may be given. */
  get credit(): number {
    return this.slots.credit;
  }

  /** Its worker sent hello: it serves from now on. */
  begin(hello: WorkerHello): void {
    this.state = "serving";
    this.hello = hello;
    this.slots.capacity = hello.maxSlots;
  }

  /** Stops taking jobs: it is finishing those it has, or has ended. */
  close(state: "draining" | "ended"): void {
    this.state = state;
    this.slots.withdraw();
  }

  /** Adds credit up to the session's capacity; returns the excess. */
  addCredit(slots: number): number {
    this.readies += 1;
    return this.slots.offer(slots);
  }

  /** Starts an attempt at `request` in an offered slot. */
  start(request: Request, now: number): Job {
    const job = new Job(this.#nextJobId(), this, this.slots.take(), request, now);
    this.inFlight.set(job.id, job);
    return job;
  }

  /**
   * Removes and returns a job that had its terminal event; undefined if none with this id is in
   * flight.
   */
  finish(jobId: number): Job | undefined {
    const job = this.inFlight.get(jobId);
    if (job === undefined) return undefined;
    this.inFlight.delete(jobId);
    this.slots.leave(job.slot);
    return job;
  }

  /** An id that no job in flight has. */
  #nextJobId(): number {
    do {
      this.#lastJobId = this.#lastJobId === MAX_JOB_ID ? 1 : this.#lastJobId + 1;
    } while (this.inFlight.has(this.#lastJobId));
    return this.#lastJobId;
  }

  /** Whether its silence counts against it now. */
  get isJudged(): boolean {
    return this.inFlight.size === 0 || this.hello?.beatsWhileBusy === true;
  }
}

/** One attempt on one worker, in a slot: in flight until its one terminal event. */
export class Job implements Attempt, Timed {
  readonly timed = "job";
  heapIndex = -1;

  constructor(
    readonly id: number,
    readonly session: Session,
    readonly slot: Slot,
    /** Undefined once the answer is no longer wanted, while the job is still in flight. */
    public request: Request | undefined,
    readonly startedAt: number,
  ) {}
}
