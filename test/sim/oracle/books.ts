import type { Clock } from "../../../src/base/clock.js";
import type { CoreLimits } from "../../../src/hub/core/limits.js";
import type { Call, Reason } from "./call.js";
import { CrashLoops } from "./crash-loops.js";
import type { HeldJob, Stream } from "./stream.js";

/** Reports which promise was broken, and how. This ends the run. */
export type Fail = (check: string, what: string) => void;

/** Something that was written and has not been taken yet. */
export interface Unread {
  /** The connection or stream it was written to. */
  peer: unknown;
  bytes: number;
  since: number;
}

/** The number of NOT_STARTED nacks that ends a request. */
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
  /** The time at which each method that was once served lost its last worker. */
  readonly unservedSince = new Map<string, number>();
  /** Answers that callers have not taken yet: by call, or by message of a Multiplex stream. */
  readonly unread = new Map<object, Unread>();
  /** Calls whose stream the hub has just reset: whatever their outcomes, no caller is told. */
  readonly untold = new Set<Call>();
  /**
   * The calls of {@link untold} that timed out at the instant at which their worker's stream ended,
   * in either order.
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

  /** Puts the call into the queue, for the first time or again. */
  wait(call: Call): void {
    call.state = "waiting";
    call.enteredAt = this.now;
    if (this.isDraining) this.refuse(call, "DRAINING");
    else this.#judgeSize(call);
  }

  /** Drops a call whose outcome is no longer wanted; no caller is told. */
  forget(call: Call): void {
    if (!call.isOpen) return;
    call.state = "broken";
    this.calls.delete(call);
    this.untold.delete(call);
    this.unclear.delete(call);
  }

  /** Records that the hub must fail the call itself. */
  refuse(call: Call, reason: Reason): void {
    call.decide({ kind: "failure", reason }, this.now);
  }

  /** Called when a worker has proved that the attempt did not run. */
  refused(job: HeldJob): void {
    const { call, stream } = job;
    if (call.state !== job) return;
    call.attempts -= 1;
    call.refusals += 1;
    call.refusedBy.set(stream, stream.readies);
    if (call.refusals < MAX_REFUSALS) this.wait(call);
    else this.refuse(call, "REJECTED");
  }

  /** Called when the attempt may have run and its outcome will never be known. */
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

  /** Ends the stream: either the hub must end it for `expectedEnd`, or it ended on its own. */
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

  /** Records that the stream takes no more jobs. */
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

  /** Ends a drained stream that has no jobs. */
  endIfDrained(stream: Stream): void {
    if (stream.phase === "draining" && stream.jobs.size === 0) this.end(stream, "OK");
  }

  /**
   * Called when the workers have changed: no call may wait if none of them can receive its payload.
   */
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
