import type { Code, GibbsError } from "../../../src/base/errors/error.js";
import type { HubReason } from "../../../src/hub/core/requests/outcome.js";
import type { Flaw, Wish } from "../actors/wish.js";
import type { Asked } from "./asked.js";
import type { HeldJob, Stream } from "./stream.js";

/** Every reason that a caller can be given, in the terms of docs/protocol.md. */
export type Reason = HubReason | Flaw | "HANDLER_ERROR" | "DECLARED" | "RESULT_MALFORMED";

/** What a call's one outcome must be, once its events have decided it. */
export type Expected =
  | { kind: "answer"; payload: Uint8Array; stream: Stream; startedAt: number }
  | {
      kind: "failure";
      reason: Reason;
      code?: Code;
      message?: string;
      /** The handler's own retry hint. */
      retryAfterMs?: number | undefined;
    };

/** What the caller was told. */
export type Told =
  | { kind: "answer"; value: unknown; workerId: string; attempts: number; times: [number, number] }
  /** `pushback` is null where no trailer could carry it. */
  | { kind: "failure"; error: GibbsError; pushback: string | undefined | null };

/** The runs of a call, counted where handlers run, across all hubs. */
class Runs {
  begun = 0;
  finished = 0;
  /** What its handlers returned, as JSON. */
  readonly returned = new Set<string>();
}

/**
 * The oracle's record of one request. It waits at its hub, or is with a worker, or its events have
 * decided its outcome, or its caller was told.
 */
export class Call {
  readonly runs = new Runs();
  state: "sent" | "waiting" | HeldJob | "decided" | "told" | "broken" = "sent";
  expected: Expected | undefined;
  told: Told | undefined;
  arrivedAt = 0;
  decidedAt = 0;
  /** Its position among all arrivals at its hub. */
  place = 0;
  deadlineAt = Number.POSITIVE_INFINITY;
  /** When its queue timeout began: at its arrival, or when an attempt was lost. */
  queuedAt = 0;
  /** When it last entered the queue, including after a nack before it started. */
  enteredAt = 0;
  /** Number of attempts that may have run. */
  attempts = 0;
  refusals = 0;
  readonly refusedBy = new Map<Stream, number>();
  lostBy: string | undefined;

  requestId = "";

  /** `peer`: the connection it came in on; `asked`: the simulated client's request behind it. */
  constructor(
    readonly number: number,
    readonly wish: Wish,
    readonly peer: unknown,
    readonly asked?: Asked,
  ) {}

  get bytes(): number {
    return this.wish.payload.length + this.wish.metadataBytes;
  }

  get maxAttempts(): number {
    return this.wish.maxAttempts ?? 3;
  }

  get isOpen(): boolean {
    return this.state !== "told" && this.state !== "broken";
  }

  /** The job it waits for, if it is with a worker. */
  get job(): HeldJob | undefined {
    return typeof this.state === "object" ? this.state : undefined;
  }

  /** Records the outcome that its events have decided. Only the first decision counts. */
  decide(expected: Expected, now: number): void {
    if (!this.isOpen || this.state === "decided") return;
    this.state = "decided";
    this.decidedAt = now;
    this.expected = expected;
  }

  toString(): string {
    const { method, idempotent } = this.wish;
    const state = typeof this.state === "object" ? `at ${this.state.stream}` : this.state;
    return `c${this.number} (method "${method}", idempotent ${idempotent}, ${state}, ${this.attempts} attempts)`;
  }
}
