import fc from "fast-check";
import { expect, it } from "vitest";
import type { Effect } from "../../src/hub/core/effect.js";
import type { Request } from "../../src/hub/core/requests/request.js";
import type { Job, Session } from "../../src/hub/core/workers/session.js";
import { failure, Harness } from "./harness.js";
import { checkFlushed, checkState, IdleOrder } from "./invariants.js";

const METHODS = ["", "a", "b"];

/** An event that can happen to a hub. Numbers are indices into what exists, modulo its count. */
type Event =
  | {
      kind: "submit";
      method: number;
      bytes: number;
      idempotent: boolean;
      ms: number;
      runMs: number;
    }
  | {
      kind: "hello";
      methods: number;
      slots: number;
      bytes: number;
      beats: boolean;
      instance: number;
    }
  | { kind: "open" | "flush" | "drainHub" | "cancelLate" }
  | { kind: "ready"; pick: number; slots: number }
  | { kind: "finish"; pick: number; how: "answer" | "throw" | "notStarted" | "unknown" }
  | { kind: "forge"; pick: number; job: number }
  | { kind: "cancel" | "drainWorker" | "lost" | "congest" | "heard"; pick: number }
  | { kind: "wait"; ms: number };

const pick = fc.nat(1000);
const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("submit" as const),
      method: fc.nat(2),
      bytes: fc.constantFrom(1, 50, 400, 1200),
      idempotent: fc.boolean(),
      ms: fc.constantFrom(0, 1, 50, 5000, 600_000),
      runMs: fc.constantFrom(20, 1_000_000),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("hello" as const),
      methods: fc.integer({ min: 1, max: 7 }),
      slots: fc.integer({ min: 0, max: 3 }),
      bytes: fc.constantFrom(100, 2000),
      beats: fc.boolean(),
      instance: fc.nat(6),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("open" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("cancelLate" as const) }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("flush" as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("ready" as const),
      pick,
      slots: fc.constantFrom(1, 2, 99),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("finish" as const),
      pick,
      how: fc.constantFrom("answer", "throw", "notStarted", "unknown"),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("forge" as const), pick, job: fc.nat(5) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom("cancel", "drainWorker", "lost", "congest", "heard"),
      pick,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("wait" as const),
      ms: fc.constantFrom(1, 30, 2500, 31_000),
    }),
  },
);

/** A core, and an independent record of what its workers and callers see. */
class World {
  readonly h = new Harness();
  readonly #idleOrder = new IdleOrder(this.h.core);
  /** Requests that are not settled. */
  readonly requests: Request[] = [];
  /** Number of outcomes by `seq`, because the object of a settled request is reused. */
  readonly settled = new Map<number, number>();
  /** Jobs that were written and have no terminal event yet, as the workers see it. */
  readonly written: { session: Session; job: Job }[] = [];
  readonly possibleRuns = new Map<number, number>();
  #seen = 0;

  constructor() {
    this.h.onFlush = (effects) => this.#idleOrder.checkDispatches(effects);
  }

  apply(event: Event): void {
    const { h } = this;
    switch (event.kind) {
      case "submit": {
        const request = h.submit({
          method: METHODS[event.method] as string,
          payload: new Uint8Array(event.bytes),
          idempotent: event.idempotent,
          timeoutMs: event.ms,
          runTimeoutMs: event.runMs,
        });
        this.requests.push(request);
        break;
      }
      case "hello": {
        const names = METHODS.filter((_, bit) => (event.methods >> bit) & 1);
        h.worker(event.slots, {
          methods: new Map(names.map((name) => [name, { idempotent: false }])),
          maxReceiveBytes: event.bytes,
          beatsWhileBusy: event.beats,
          maxSlots: event.beats ? 8 : 1,
          instanceId: event.instance === 0 ? "" : `i${event.instance}`,
        });
        break;
      }
      case "open":
        h.core.open(h.now);
        break;
      case "flush":
        this.flushed(h.flush());
        checkFlushed(h.core, h.now);
        break;
      case "drainHub":
        h.core.drain(h.now);
        break;
      case "ready":
        this.#withSession(event.pick, (session) => {
          if (session.state !== "opening") h.core.ready(session, event.slots, h.now);
        });
        break;
      case "finish":
        this.finish(event.pick, event.how);
        break;
      case "forge":
        this.#withSession(event.pick, (session) => {
          if (session.inFlight.has(event.job) || session.state === "opening") return;
          h.core.result(session, event.job, { kind: "answer", payload: new Uint8Array() }, h.now);
        });
        break;
      case "cancel":
        if (this.requests.length > 0) {
          const request = this.requests[event.pick % this.requests.length] as Request;
          h.core.cancel(request.seq, h.now);
        }
        break;
      case "cancelLate":
        this.cancelLate();
        break;
      case "drainWorker":
        this.#withSession(event.pick, (session) => {
          if (session.state !== "opening") h.core.workerDrain(session, h.now);
        });
        break;
      case "lost":
        this.#withSession(event.pick, (session) => h.core.lost(session, h.now));
        break;
      case "congest":
        this.#withSession(event.pick, (session) => {
          session.congested = !session.congested;
        });
        break;
      case "heard":
        this.#withSession(event.pick, (session) => h.core.heard(session, h.now));
        break;
      case "wait":
        h.advance(event.ms);
        this.flushed(h.effects.slice(this.#seen));
        checkFlushed(h.core, h.now);
        break;
    }
    checkState(h.core);
    this.#idleOrder.update();
  }

  finish(pick: number, how: "answer" | "throw" | "notStarted" | "unknown"): void {
    const { h } = this;
    if (this.written.length === 0) return;
    const index = pick % this.written.length;
    const { session, job } = this.written.splice(index, 1)[0] as (typeof this.written)[0];
    if (how === "answer") {
      h.core.result(session, job.id, { kind: "answer", payload: new Uint8Array([7]) }, h.now);
    } else if (how === "throw") {
      h.core.result(session, job.id, { kind: "failure", failure }, h.now);
    } else {
      const execution = how === "notStarted" ? "NOT_STARTED" : "UNKNOWN";
      // A nack proves nothing once the stream has ended or the request was settled.
      const request = session.state === "ended" ? undefined : job.request;
      if (request !== undefined && execution === "NOT_STARTED") this.#ran(request, -1);
      h.core.nack(session, job.id, execution, "", h.now);
    }
  }

  /** Cancels on behalf of every settled caller: their tickets must no longer match anything. */
  cancelLate(): void {
    const { core, now } = this.h;
    const open = [...core.requests.live].map(({ seq }) => seq);
    for (const ticket of this.settled.keys()) core.cancel(ticket, now);
    const left = [...core.requests.live].map(({ seq }) => seq);
    expect(left, "a stale ticket cancels nothing").toEqual(open);
  }

  /** Records the core's effects, and checks that each is allowed. */
  flushed(effects: readonly Effect[]): void {
    this.#seen = this.h.effects.length;
    for (const effect of effects) {
      if (effect.kind === "settle") {
        const { seq } = effect.request;
        const times = (this.settled.get(seq) ?? 0) + 1;
        expect(times, "one outcome per request").toBe(1);
        this.settled.set(seq, times);
        const { outcome } = effect;
        const counted = this.possibleRuns.get(seq) ?? 0;
        expect(effect.request.attempts, "attempts count what may have run").toBe(counted);
        if (outcome.kind === "failure" && outcome.error.execution === "NOT_STARTED") {
          const runs = this.possibleRuns.get(seq) ?? 0;
          const decoded = outcome.error.reason === "MALFORMED";
          if (!decoded) expect(runs, "NOT_STARTED is a promise").toBe(0);
        }
        if (outcome.kind === "failure" && outcome.error.code === "UNAVAILABLE") {
          expect(outcome.error.execution).toBe("NOT_STARTED");
        }
        this.requests.splice(this.requests.indexOf(effect.request), 1);
        this.h.core.release(effect.request);
      }
      if (effect.kind === "job") {
        const { request } = effect;
        expect(this.settled.has(request.seq), "a settled request is not dispatched").toBe(false);
        expect(effect.timeLeftMs).toBeGreaterThanOrEqual(1);
        this.written.push(effect);
        this.#ran(request, 1);
        const runs = this.possibleRuns.get(request.seq) ?? 0;
        const allowed = request.idempotent ? request.maxAttempts : 1;
        expect(runs, "at most once, or as often as allowed").toBeLessThanOrEqual(allowed);
      }
      if (effect.kind === "end") this.#forget(effect.session);
    }
    for (const { session } of [...this.written])
      if (session.state === "ended") this.#forget(session);
  }

  /** Lets all peers behave from here on, and checks that every request is settled. */
  heal(): void {
    const { h } = this;
    this.flushed(h.flush());
    for (let round = 0; this.requests.length > 0; round += 1) {
      expect(round, "every live request finishes once the faults are over").toBeLessThan(200);
      const methods = new Map(METHODS.map((name) => [name, { idempotent: false }]));
      if (!h.core.requests.draining) h.worker(8, { methods });
      while (this.written.length > 0) this.finish(0, "answer");
      this.flushed(h.flush());
    }
    for (const session of [...h.core.sessions]) h.core.lost(session, h.now);
    // Long enough for a worker in a crash loop to be forgotten.
    h.advance(60_000);
    this.flushed(h.effects.slice(this.#seen));
    checkFlushed(h.core, h.now);
    expect(h.core.workers.isClear, "no worker is remembered").toBe(true);
    expect(h.core.queues.methods.size, "no map keeps anything").toBe(0);
    expect(h.core.requests.live.size).toBe(0);
    expect(h.core.idle).toBe(true);
    expect(h.core.nextWake()).toBe(Number.POSITIVE_INFINITY);
  }

  #ran({ seq }: Request, by: number): void {
    this.possibleRuns.set(seq, (this.possibleRuns.get(seq) ?? 0) + by);
  }

  #forget(session: Session): void {
    for (let index = this.written.length - 1; index >= 0; index -= 1) {
      if (this.written[index]?.session === session) this.written.splice(index, 1);
    }
  }

  #withSession(pick: number, act: (session: Session) => void): void {
    const sessions = [...this.h.core.sessions];
    const session = sessions[pick % sessions.length];
    if (session !== undefined) act(session);
  }
}

it("holds its invariants over any history, and settles every request", () => {
  fc.assert(
    fc.property(
      fc.array(event, { maxLength: 120, size: "max" }),
      fc.boolean(),
      (events, drains) => {
        const world = new World();
        for (const one of events) world.apply(one);
        if (drains) world.apply({ kind: "drainHub" });
        world.heal();
      },
    ),
    { numRuns: 1000 },
  );
});
