import { IdMap } from "../../base/id-map.js";
import { MAX_JOB_ID } from "./limits.js";
import type { Linked, LinkedList } from "./linked-list.js";
import type { Job } from "./request.js";
import type { Timed } from "./timer-heap.js";
import type { WorkerGroup } from "./worker-group.js";

/** What a worker says of itself. */
export interface WorkerHello {
  workerId: string;
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

/** One worker's stream and its slot ledger: `credit` given and unused, `inFlight` written and not over. */
export class Session implements Timed, Linked<Session> {
  readonly timed = "session";
  state: SessionState = "opening";
  hello: WorkerHello | undefined;
  credit = 0;
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

  /** Adds credit as far as the session's slots reach; returns how much was too much. */
  addCredit(slots: number): number {
    const room = (this.hello?.maxSlots ?? 0) - this.credit - this.inFlight.size;
    const added = Math.min(slots, room);
    this.credit += added;
    this.readies += 1;
    return slots - added;
  }

  /** A job id that is not in use on this session. */
  nextJobId(): number {
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
