import type { Clock } from "../../../src/base/clock.js";
import type { CoreLimits } from "../../../src/hub/core/limits.js";
import type { Call, Reason } from "./call.js";
import { CrashLoops } from "./crash-loops.js";
import type { HeldJob, Stream } from "./stream.js";

/** Reports a broken promise: which, and how. It ends the run. */
export type Fail = (check: string, what: string) => void;

/** Something written and not yet taken. */
export interface Unread {
  /** The connection or stream it was written to. */
  peer: unknown;
  bytes: number;
  since: number;
}

/** This many NOT_STARTED nacks end a request. */
const MAX_REFUSALS = 8;

/**
 * What a hub must believe, derived only from what it was sent: which calls and streams are open,
 * and which calls wait for which workers.
 */
export class Books {
  /** Calls whose callers have no outcome yet, in arrival order. */
  readonly calls = new Set<Call>();
  /** Streams that the hub has not ended, or must end now. */
  readonly streams = new Set<Stream>();
  /** Since when methods that were once served have had no worker. */
  readonly unservedSince = new Map<string, number>();
  /**
   * Answers that their callers have not taken yet: by call, or by message of a Multiplex stream.
   */
  readonly unread = new Map<object, Unread>();
  /** Calls whose stream the hub has just reset: whatever becomes of them, no caller is told. */
  readonly untold = new Set<Call>();
  /**
   * Those of them that timed out at the instant at which their worker's stream ended, in either
   * order.
   */
  readonly unclear = new Set<Call>();
  readonly crashLoops = new CrashLoops();
  isDraining = false;
  readonly limits: CoreLimits;
  readonly fail: Fail;
  readonly #clock: Clock;

  constructor(limits: CoreLimits, clock: Clock, fail: Fail) {
    this.limits = limits;
    this.fail = fail;
    this.#clock = clock;
  }

  get now(): number {
    return this.#clock.now();
  }

  /** The queued calls, in arrival order. */
  waiting(): Call[] {
    const waiting: Call[] = [];
    for (const call of this.calls) if (call.state === "waiting") waiting.push(call);
    return waiting.sort((a, b) => a.place - b.place);
  }

  isServed(method: string): boolean {
    for (const stream of this.streams) if (stream.serves(method)) return true;
    return false;
  }

  /** The call enters the queue, for the first time or again. */
  wait(call: Call): void {
    call.state = "waiting";
    call.enteredAt = this.now;
    if (this.isDraining) this.refuse(call, "DRAINING");
    else this.#judgeSize(call);
  }

  /** The outcome is no longer wanted, and no caller is told. */
  forget(call: Call): void {
    if (!call.isOpen) return;
    call.state = "broken";
    this.calls.delete(call);
    this.untold.delete(call);
    this.unclear.delete(call);
  }

  /** The hub must fail the call itself. */
  refuse(call: Call, reason: Reason): void {
    call.decide({ kind: "failure", reason }, this.now);
  }

  /** A worker has proved that the attempt did not run. */
  refused(job: HeldJob): void {
    const { call, stream } = job;
    if (call.state !== job) return;
    call.attempts -= 1;
    call.refusals += 1;
    call.refusedBy.set(stream, stream.readies);
    if (call.refusals < MAX_REFUSALS) this.wait(call);
    else this.refuse(call, "REJECTED");
  }

  /** The attempt may have run, and its outcome will never be known. */
  lost(job: HeldJob): void {
    const { call, stream } = job;
    if (call.state !== job) return;
    const { idempotent, method } = call.wish;
    if (!(idempotent ?? stream.declaresIdempotent(method))) return this.refuse(call, "WORKER_LOST");
    if (call.attempts >= call.maxAttempts) return this.refuse(call, "ATTEMPTS_EXHAUSTED");
    call.lostBy = stream.workerId;
    call.queuedAt = this.now;
    this.wait(call);
  }

  /** The stream has ended: the hub must end it for `expectedEnd`, or it ended on its own. */
  end(stream: Stream, expectedEnd: string | undefined): void {
    if (stream.phase === "ended") return;
    this.leave(stream, "ended");
    stream.expectedEnd = expectedEnd;
    const lost = [...stream.jobs.values()].filter((job) => job.call.state === job);
    const isSure = lost.some(({ call }) => !this.unclear.has(call));
    for (const job of lost) this.lost(job);
    stream.jobs.clear();
    if (lost.length > 0 && stream.workerId !== "") {
      this.crashLoops.lost(stream.workerId, this.now, isSure);
    }
  }

  /** The stream takes no more jobs. */
  leave(stream: Stream, phase: "draining" | "ended"): void {
    const left = stream.hello?.methods.map(({ name }) => name) ?? [];
    if (stream.hello !== undefined && left.length === 0) left.push("");
    const served = left.filter((method) => stream.serves(method));
    stream.phase = phase;
    stream.credit = 0;
    for (const method of served) {
      if (!this.isServed(method)) this.unservedSince.set(method, this.now);
    }
    this.judgeSizes();
  }

  /** A drained stream without jobs has ended. */
  endIfDrained(stream: Stream): void {
    if (stream.phase === "draining" && stream.jobs.size === 0) this.end(stream, "OK");
  }

  /** The workers have changed: no call may wait whose payload none of them can receive. */
  judgeSizes(): void {
    for (const call of this.calls) if (call.state === "waiting") this.#judgeSize(call);
  }

  #judgeSize(call: Call): void {
    const { method } = call.wish;
    let isServed = false;
    for (const stream of this.streams) {
      if (!stream.serves(method)) continue;
      if (stream.canReceive(call)) return;
      isServed = true;
    }
    if (isServed) this.refuse(call, "PAYLOAD_TOO_LARGE");
  }
}
