import { beforeEach, describe, expect, it } from "vitest";
import { GibbsError } from "../../src/base/errors/error.js";
import { toStatus } from "../../src/wire/grpc/status.js";
import { encodeClientItems, encodeHubItems } from "../../src/wire/messages/multiplex.js";
import { toRequestOptions } from "../../src/wire/messages/request-options.js";
import {
  encodeHubEvents,
  encodeWorkerEvents,
  HeartbeatMode,
  type HubEventInit,
} from "../../src/wire/messages/work.js";
import { makeProbe, type Wish } from "./actors/wish.js";
import { SimProcess } from "./machine/process.js";
import type { ServerCall, StreamObserver } from "./machine/server-call.js";
import { Timeline } from "./machine/timeline.js";
import { Call } from "./oracle/call.js";
import { CrashLoops } from "./oracle/crash-loops.js";
import { HubOracle } from "./oracle/hub-oracle.js";
import { makePlan } from "./plan.js";

const limits = {
  ...makePlan(1).parameters.limits,
  maxWorkers: 10,
  maxQueued: 100,
  maxHeldBytes: 1_000_000,
  maxUnreadBytes: 1_000_000,
  maxOpenCalls: 10,
  maxSlots: 10,
  slowReaderTimeoutMs: 1000,
  cancelGraceMs: 1000,
  heartbeatIntervalMs: 60_000,
  livenessTimeoutMs: 120_000,
  noWorkerTimeoutMs: 60_000,
};

/**
 * How long after it was written the hub must have given up on any message of a script, in
 * milliseconds: nobody reads them.
 */
const UNREAD_MS = 1100;
const DEADLINE_MS = 50_000;

/** A worker's stream. */
interface Worker {
  isGiven(call: Call, timeoutMs: number): void;
  isTold(event: HubEventInit): void;
  /** Ends the stream as the hub. */
  ends(reason: string): void;
}

/** An oracle that is told what a hub received and sent, without any hub. */
class Script {
  /** The promises that the oracle considers broken. */
  readonly broken: string[] = [];
  readonly #timeline = new Timeline();
  readonly #process = new SimProcess(this.#timeline);
  readonly #calls: Call[] = [];
  readonly #oracle = new HubOracle(limits, this.#process, {
    fail: (check) => this.broken.push(check),
    count: () => {},
    log: () => {},
    calls: new Map(),
    newCall: (wish, peer) => this.#newCall(wish, peer),
  });
  #lastJobId = 0;

  /** Freezes the hub, which then reads and does what the script says next. */
  freeze(forMs: number): void {
    const until = this.#timeline.now + forMs;
    this.#process.freeze(forMs);
    while (this.#timeline.step(until - 0.125));
    this.#timeline.now = until;
    this.#process.thaw();
  }

  /** Tells the oracle that the hub has done everything due. Returns the broken promises. */
  flush(): string[] {
    this.#oracle.flushed();
    return this.broken;
  }

  /** Connects a worker with this many free slots. */
  worker(workerId: string, slots: number): Worker {
    const stream = this.#oracle.opened();
    const observer = this.#oracle.observe(stream);
    const hello = { workerId, heartbeatMode: HeartbeatMode.ALWAYS, maxReceiveBytes: 1_000_000 };
    const said = encodeWorkerEvents([
      { case: "hello", value: hello },
      { case: "ready", value: { slots } },
    ]);
    for (const message of said) observer.received(message);
    const isTold = (event: HubEventInit): void => {
      for (const message of encodeHubEvents([event])) observer.wrote(message, false);
    };
    isTold({ case: "welcome", value: {} });
    return {
      isTold,
      isGiven: ({ requestId, attempts, wish: { payload, method } }, timeoutMs) => {
        const jobId = ++this.#lastJobId;
        const job = {
          jobId,
          requestId,
          attempt: attempts + 1,
          payload,
          method,
          timeoutMs,
          metadata: [],
        };
        isTold({ case: "job", value: job });
      },
      ends: (reason) => observer.ended(toStatus(new GibbsError("ABORTED", reason, { reason }))),
    };
  }

  /** Connects a client that does not read, and sends a request from it. */
  client(asks: { timeoutMs: number; runTimeoutMs?: number }): { call: Call; isReset: () => void } {
    const end = { isPaused: false } as ServerCall;
    this.#oracle.multiplex.opened(end);
    const observer = end.observer as StreamObserver;
    const settings = { id: 0, item: { case: "settings", value: { maxOpenCalls: 10 } } } as const;
    for (const message of encodeHubItems([settings])) observer.wrote(message, false);
    const { payload, method } = makeProbe(1, "");
    const { timeoutMs, ...limitsOfCall } = asks;
    const options = toRequestOptions({ idempotent: true, ...limitsOfCall });
    const value = { payload, method, timeoutMs, options, metadata: [] };
    for (const message of encodeClientItems([{ id: 1, item: { case: "call", value } }])) {
      observer.received(message);
    }
    return { call: this.#calls.at(-1) as Call, isReset: () => observer.reset?.() };
  }

  /** Delivers a unary request. */
  request(timeoutMs: number): Call {
    const call = this.#newCall(makeProbe(1, ""), "somebody");
    this.#oracle.arrived(call, timeoutMs);
    return call;
  }

  /** Has the call's caller leave, and tells it so. */
  cancel(call: Call): void {
    this.#oracle.cancelled(call);
    const { requestId, attempts } = call;
    const details = { reason: "CLIENT_CANCELLED", execution: "UNKNOWN", requestId } as const;
    const error = new GibbsError("CANCELLED", "gone", { ...details, attempts });
    this.#oracle.told(call, { kind: "failure", error, pushback: "-1" }, 0);
  }

  #newCall(wish: Wish, peer: unknown): Call {
    const call = new Call(this.#calls.length + 1, wish, peer);
    call.requestId = `c${call.number}`;
    this.#calls.push(call);
    return call;
  }
}

describe("the oracle of a hub", () => {
  let script: Script;
  beforeEach(() => {
    script = new Script();
  });

  /**
   * Gives a younger request to a worker while an older one waits, whose client is then reset if
   * `resets`.
   */
  function passOver(olderTimeoutMs: number, resets: boolean): string[] {
    const { isReset } = script.client({ timeoutMs: olderTimeoutMs });
    script.flush();
    script.freeze(UNREAD_MS);
    const younger = script.request(DEADLINE_MS);
    script.worker("w", 1).isGiven(younger, DEADLINE_MS);
    if (resets) isReset();
    return script.flush();
  }

  it("knows that a call whose caller cannot be told was settled when it timed out", () => {
    expect(passOver(UNREAD_MS, true)).toEqual([]);
  });

  it("expects the older call to go first while it has time, even if its stream is reset", () => {
    expect(passOver(DEADLINE_MS, true)).toEqual(["first come, first served"]);
  });

  it("expects every caller with an open stream to be told in time", () => {
    expect(passOver(UNREAD_MS, false)).toContain("on time");
  });

  /**
   * Resets a client's stream just as the stream of the worker that has its call ends; another
   * worker is idle.
   */
  function endTogether(runTimeoutMs?: number): { call: Call; other: Worker } {
    const ignored = script.request(DEADLINE_MS);
    const limit = runTimeoutMs === undefined ? {} : { runTimeoutMs };
    const { call, isReset } = script.client({ timeoutMs: DEADLINE_MS, ...limit });
    const worker = script.worker("w", 2);
    worker.isGiven(ignored, DEADLINE_MS);
    worker.isGiven(call, runTimeoutMs ?? DEADLINE_MS);
    script.flush();
    script.cancel(ignored);
    worker.isTold({ case: "cancel", value: { jobId: 1 } });
    expect(script.flush()).toEqual([]);
    script.freeze(UNREAD_MS);
    worker.ends("CANCEL_IGNORED");
    isReset();
    return { call, other: script.worker("v", 1) };
  }

  it("accepts that a call that lost its worker as it timed out was settled", () => {
    const { other } = endTogether(UNREAD_MS);
    other.isGiven(script.request(DEADLINE_MS), DEADLINE_MS);
    expect(script.flush()).toEqual([]);
  });

  it("also accepts that such a call runs again", () => {
    const { call, other } = endTogether(UNREAD_MS);
    other.isGiven(call, UNREAD_MS);
    expect(script.flush()).toEqual([]);
  });

  it("expects a call that lost its worker and has time left to go first", () => {
    const { other } = endTogether();
    other.isGiven(script.request(DEADLINE_MS), DEADLINE_MS);
    expect(script.flush()).toEqual(["first come, first served"]);
  });
});

describe("the oracle of crash loops", () => {
  it("says nothing about a worker of which the hub may have counted fewer losses", () => {
    const [sure, unsure] = [new CrashLoops(), new CrashLoops()];
    for (const isSure of [true, true, true]) sure.lost("w", 1000, isSure);
    for (const isSure of [true, false, true]) unsure.lost("w", 1000, isSure);
    expect(sure.heldUntil("w")).toBe(2000);
    expect(unsure.heldUntil("w")).toBeUndefined();
  });
});
