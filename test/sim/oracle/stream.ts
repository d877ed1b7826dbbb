import type { Hello } from "../../../src/wire/messages/work.js";
import { HeartbeatMode, Idempotency } from "../../../src/wire/messages/work.js";
import type { Call } from "./call.js";

/** Room in a message to a worker for a job's other fields, in bytes. */
const ENVELOPE_BYTES = 16 * 1024;

/** A job that was written and has no terminal event yet. */
export interface HeldJob {
  readonly stream: Stream;
  readonly call: Call;
  readonly startedAt: number;
  cancelledAt: number | undefined;
}

/** The oracle's record of one worker's stream: the slot ledger, built from the traffic. */
export class Stream {
  phase: "opening" | "serving" | "draining" | "ended" = "opening";
  hello: Hello | undefined;
  /** The instance id, in hexadecimal. */
  instance = "";
  isWelcomed = false;
  credit = 0;
  /** Number of ready events that it has sent. */
  readies = 0;
  readonly jobs = new Map<number, HeldJob>();
  congested = false;
  lastHeardAt: number;
  lastBeatAt: number;
  /** How long, and how often, the hub was stalled since it last heard from the worker. */
  stalledMs = 0;
  stalls = 0;
  excusedUntil = 0;
  /** Why the hub must have ended the stream: a reason, or OK. */
  expectedEnd: string | undefined;
  /** Whether the hub has ended it or its connection broke. */
  isClosed = false;
  /** Whether the worker was told that the hub is draining. */
  toldDrain = false;
  /** Whether the worker itself has asked for no more jobs. */
  drainedItself = false;

  constructor(
    readonly number: number,
    readonly openedAt: number,
    readonly maxSlotsOfHub: number,
  ) {
    this.lastHeardAt = openedAt;
    this.lastBeatAt = openedAt;
  }

  get workerId(): string {
    return this.hello?.workerId ?? "";
  }

  get beatsWhileBusy(): boolean {
    return this.hello?.heartbeatMode === HeartbeatMode.ALWAYS;
  }

  get maxSlots(): number {
    return this.beatsWhileBusy ? this.maxSlotsOfHub : 1;
  }

  get maxReceiveBytes(): number {
    return this.hello?.maxReceiveBytes ?? 4 * 1024 * 1024;
  }

  /** Whether the worker's silence means anything. */
  get isJudged(): boolean {
    return this.jobs.size === 0 || this.beatsWhileBusy;
  }

  /** Whether the hub may give the worker jobs of `method`. */
  serves(method: string): boolean {
    if (this.phase !== "serving" || this.hello === undefined) return false;
    const { methods } = this.hello;
    return methods.length === 0 ? method === "" : methods.some(({ name }) => name === method);
  }

  /** Whether its worker declares `method` idempotent. */
  declaresIdempotent(method: string): boolean {
    const found = this.hello?.methods.find(({ name }) => name === method);
    return found?.idempotency === Idempotency.IDEMPOTENT;
  }

  canReceive(call: Call): boolean {
    return call.bytes <= this.maxReceiveBytes - ENVELOPE_BYTES;
  }

  /** Whether it may get `call`, given credit. */
  fits(call: Call): boolean {
    if (!this.serves(call.wish.method) || !this.canReceive(call)) return false;
    return call.refusedBy.get(this) !== this.readies;
  }

  /**
   * How strong a reason there is to prefer another stream for `call`; 0 if there is none. `jobs`:
   * the number of jobs that this stream has.
   */
  drawback(call: Call, jobs: number): number {
    if (call.lostBy === undefined) return this.congested ? 4 : 0;
    const isSame = call.lostBy === this.workerId;
    return (this.congested ? 4 : 0) + (isSame ? 2 : 0) + (jobs > 0 ? 1 : 0);
  }

  heard(now: number): void {
    this.lastHeardAt = now;
    this.stalledMs = 0;
    this.stalls = 0;
  }

  toString(): string {
    const held = `${this.credit} credit, ${this.jobs.size} jobs`;
    return `s${this.number} of ${this.workerId || "?"} (${this.phase}, ${held})`;
  }
}
