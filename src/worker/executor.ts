import type { ErrorDetail, Execution } from "../base/errors/error.js";

/** A job as whoever computes it sees it. Can be sent to another process. */
export interface JobInput {
  method: string;
  /** An encoded payload. */
  payload: Uint8Array;
  attempt: number;
  requestId: string;
  /** What is left of the caller's time, in milliseconds. */
  timeoutMs: number | undefined;
  metadata: Record<string, string | Uint8Array>;
}

/** Why a job has no answer, in the fields of `gibbs.v1.Failure`. */
export interface JobFailure {
  code: number;
  type: string;
  message: string;
  stack: string;
  reason: string;
  details: ErrorDetail[];
}

/** A failure with what is known of it. */
export function failed(failure: Partial<JobFailure>): JobOutcome {
  const unknown = { code: 0, type: "", message: "", stack: "", reason: "", details: [] };
  return { kind: "failure", failure: { ...unknown, ...failure } };
}

/** What can give a job up; its signal may be made only when it is looked at. */
export interface Abort {
  readonly signal: AbortSignal;
}

/** How a job ended. */
export type JobOutcome =
  | { kind: "payload"; payload: Uint8Array }
  | { kind: "failure"; failure: JobFailure }
  | { kind: "nack"; execution: Execution; reason: string };

/** The answer has more bytes than may be sent. */
export function tooLarge(bytes: number, maxBytes: number): JobOutcome {
  const message = `the answer has ${bytes} bytes, more than ${maxBytes}`;
  return failed({ message, reason: "RESULT_TOO_LARGE" });
}

/** A method as the worker announces it. */
export interface ServedMethod {
  name: string;
  idempotent: boolean | undefined;
}

/**
 * Whatever computes jobs: handlers in this process, or processes of their own.
 * It has slots, and says itself when one comes or goes.
 */
export interface Executor {
  /** Whether the worker can answer heartbeats while a job runs. */
  readonly beatsWhileBusy: boolean;
  /** What it serves. Known once it has started. */
  readonly methods: readonly ServedMethod[];

  /**
   * Gets ready. From then on `onSlots` is told of every free slot that comes
   * (also of a job that is over, after its `done`) or goes (also to a job).
   *
   * @throws GibbsError FAILED_PRECONDITION / START_FAILED if it never can.
   */
  start(onSlots: (change: number) => void): Promise<void>;

  /**
   * Uses a free slot. Calls `done` exactly once. The signal of `abort` says that
   * nobody waits any more; the job is then to end soon, with whatever outcome.
   */
  run(job: JobInput, abort: Abort, done: (outcome: JobOutcome) => void): void;

  /**
   * The hub drops a worker whose cancelled job has not ended after so long. Only
   * for those that can end it themselves before.
   */
  limitGrace?(hubGraceMs: number): void;

  /** Gives everything up. Jobs that still run are ended where that is possible. */
  stop(): Promise<void>;
}
