import { IdMap } from "../../../base/containers/id-map.js";
import type { Linked, LinkedList } from "../../../base/containers/linked-list.js";
import type { Timed } from "../../../base/containers/timer-heap.js";
import { MAX_JOB_ID } from "../limits.js";
import type { Attempt, Request } from "../requests/request.js";
import { type Slot, SlotLedger } from "./slots.js";
import type { WorkerGroup } from "./worker-group.js";

/** What a worker says of itself. */
export interface WorkerHello {
  workerId: string;
  /** For people: what it is called, its own version, and its library's. Each may be empty. */
  name: string;
  version: string;
  sdk: string;
  labels: Readonly<Record<string, string>>;
  /** Names the process; a later session of the same one supersedes this one. Empty: none. */
  instanceId: string;
  /** What it serves, and whether that may run more than once. */
  methods: ReadonlyMap<string, { idempotent: boolean }>;
  /** Whether its silence counts while it computes. */
  beatsWhileBusy: boolean;
  maxReceiveBytes: number;
  maxSlots: number;
}

/**
 * The life of one worker's stream.
 *
 * | from | event | to |
 * |---|---|---|
 * | opening | hello | serving |
 * | serving | drain, of worker or hub | draining |
 * | any | stream lost, violation, silence, or drained | ended |
 */
export type SessionState = "opening" | "serving" | "draining" | "ended";

/** One worker's stream: its slots, and its jobs that are in flight, written and not over. */
export class Session implements Timed, Linked<Session> {
  readonly timed = "session";
  state: SessionState = "opening";
  hello: WorkerHello | undefined;
  readonly slots: SlotLedger = new SlotLedger();
  readonly inFlight: IdMap<Job> = new IdMap();
  /** Those that serve what it serves, while it serves. In whose idle list it stands while it is idle. */
  group: WorkerGroup<Session> | undefined;
  /** When it fell idle, as a number that counts up. Belongs to the queues, as its place in the list does. */
  idleSeq = 0;
  prev: Session | undefined;
  next: Session | undefined;
  list: LinkedList<Session> | undefined;
  /** Whether its socket is full: such a session gets work only if no other can take it. */
  congested = false;
  /** Whether its worker loses one job after another, and gets none for a while. */
  isHeldBack = false;
  /** How often it said ready. */
  readies = 0;
  // Numbers from the start: were they undefined first, V8 would make an object for each new time.
  lastHeardAt = 0;
  lastBeatAt = 0;
  /** Until then its silence proves nothing: a large message is under way, to it or from it. */
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

  /** Whether it was told, or asked, to finish, and has. */
  get isDrained(): boolean {
    return this.state === "draining" && this.inFlight.size === 0;
  }

  /** How many jobs it may be given. */
  get credit(): number {
    return this.slots.credit;
  }

  /** Its worker said hello, and serves from now on. */
  begin(hello: WorkerHello): void {
    this.state = "serving";
    this.hello = hello;
    this.slots.capacity = hello.maxSlots;
  }

  /** It gets no more jobs: it finishes those that it has, or has ended. */
  close(state: "draining" | "ended"): void {
    this.state = state;
    this.slots.withdraw();
  }

  /** Adds credit as far as the session's slots reach; returns how much was too much. */
  addCredit(slots: number): number {
    this.readies += 1;
    return this.slots.offer(slots);
  }

  /** Puts an attempt at `request` in flight, in a slot that is offered. */
  start(request: Request, now: number): Job {
    const job = new Job(this.#nextJobId(), this, this.slots.take(), request, now);
    this.inFlight.set(job.id, job);
    return job;
  }

  /** The job of that id had its terminal event; returns it, if it was in flight. */
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

  /** Whether its silence proves something now. */
  get isJudged(): boolean {
    return this.inFlight.size === 0 || this.hello?.beatsWhileBusy === true;
  }
}

/** One attempt at one worker, in a slot: in flight until its one terminal event. */
export class Job implements Attempt, Timed {
  readonly timed = "job";
  heapIndex = -1;

  constructor(
    readonly id: number,
    readonly session: Session,
    readonly slot: Slot,
    /** While the job is in flight: undefined once nobody waits for it any more. */
    public request: Request | undefined,
    readonly startedAt: number,
  ) {}
}
