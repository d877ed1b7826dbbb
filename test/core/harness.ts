import type { Effect } from "../../src/hub/core/effect.js";
import { HubCore } from "../../src/hub/core/hub-core.js";
import type { CoreLimits } from "../../src/hub/core/limits.js";
import type { WorkerFailure } from "../../src/hub/core/requests/outcome.js";
import type { Outcome, Request, Submission } from "../../src/hub/core/requests/request.js";
import { Job, type Session, type WorkerHello } from "../../src/hub/core/workers/session.js";

const limits: CoreLimits = {
  maxWorkers: 100,
  maxQueued: 50,
  maxHeldBytes: 10_000,
  maxPayloadBytes: 1000,
  maxSlots: 8,
  helloTimeoutMs: 5000,
  heartbeatIntervalMs: 2000,
  livenessTimeoutMs: 10_000,
  cancelGraceMs: 30_000,
  noWorkerTimeoutMs: 30_000,
  maxUnreadBytes: 1000,
  slowReaderTimeoutMs: 30_000,
};

/** The failure of a handler that threw. */
export const failure: WorkerFailure = {
  code: undefined,
  type: "Error",
  message: "no",
  stack: "",
  retryAfterMs: undefined,
  details: [],
  reason: "",
};

/** A core with a clock, its recorded effects, and short helpers for events. */
export class Harness {
  readonly core: HubCore;
  now = 1000;
  /** All effects so far, in order. */
  readonly effects: Effect[] = [];
  /** Called with the effects of each flush. */
  onFlush: (effects: readonly Effect[]) => void = () => {};
  #requests = 0;
  /** The latest request. Callers get only its ticket, but tests need to inspect it. */
  #added: Request | undefined;

  constructor(overrides: Partial<CoreLimits> = {}, random: () => number = () => 0.5) {
    this.core = new HubCore({ ...limits, ...overrides }, random);
    const { requests } = this.core;
    const add = requests.add.bind(requests);
    requests.add = (...args) => {
      this.#added = add(...args);
      return this.#added;
    };
  }

  /** Flushes and returns the effects. */
  flush(): Effect[] {
    const effects = this.core.flush(this.now);
    this.effects.push(...effects);
    this.onFlush(effects);
    return effects;
  }

  /** Advances the clock, flushing whenever the core asks to be woken. */
  advance(byMs: number): Effect[] {
    const until = this.now + byMs;
    const from = this.effects.length;
    this.flush();
    while (this.core.nextWake() <= until) {
      this.now = Math.max(this.now, this.core.nextWake());
      this.flush();
    }
    this.now = until;
    return this.effects.slice(from);
  }

  submit(wish: Partial<Submission> = {}): Request {
    const submission: Submission = {
      requestId: `r${++this.#requests}`,
      peer: undefined,
      method: "",
      payload: new Uint8Array(10),
      metadata: [],
      timeoutMs: 600_000,
      queueTimeoutMs: undefined,
      runTimeoutMs: undefined,
      idempotent: undefined,
      maxAttempts: 3,
      ...wish,
    };
    this.core.submit(submission, { settled() {} }, 0, this.now);
    return this.#added as Request;
  }

  /** A worker that has sent hello and offered `slots`. */
  worker(slots = 1, wish: Partial<WorkerHello> = {}): Session {
    const session = this.core.open(this.now);
    const hello: WorkerHello = {
      workerId: `w${session.id}`,
      name: "",
      version: "",
      sdk: "",
      labels: {},
      instanceId: "",
      methods: new Map([["", { idempotent: false }]]),
      beatsWhileBusy: true,
      maxReceiveBytes: 2000,
      maxSlots: this.core.limits.maxSlots,
      ...wish,
    };
    this.core.hello(session, hello, this.now);
    if (slots > 0) this.core.ready(session, slots, this.now);
    return session;
  }

  /** The outcome of a request, if it is settled. */
  outcome(request: Request): Outcome | undefined {
    for (const effect of this.effects) {
      if (effect.kind === "settle" && effect.request === request) return effect.outcome;
    }
    return undefined;
  }

  /**
   * Code, reason and execution of a failed request; "ANSWER" for an answered one, and "OPEN" for
   * one that is not settled.
   */
  ending(request: Request): string {
    const outcome = this.outcome(request);
    if (outcome === undefined) return "OPEN";
    if (outcome.kind === "answer") return "ANSWER";
    const { code, reason, execution } = outcome.error;
    return `${code} ${reason} ${execution}`;
  }

  /** The session that runs a request, if any. */
  holder(request: Request): Session | undefined {
    return request.state instanceof Job ? request.state.session : undefined;
  }

  /** Makes the worker answer the job of `request`. */
  answer(request: Request, payload: Uint8Array = new Uint8Array([1])): void {
    if (!(request.state instanceof Job)) throw new Error("the request is not running");
    const { session, id } = request.state;
    this.core.result(session, id, { kind: "answer", payload }, this.now);
  }
}
