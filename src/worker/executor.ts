import type { ErrorDetail, Execution } from "../base/errors/error.js";

/** A job as seen by the code that runs it. Can be sent to another process. */
export interface JobInput {
  method: string;
  /** An encoded payload. */
  payload: Uint8Array;
  attempt: number;
  requestId: string;
  /** The time left for this attempt, in milliseconds; undefined if there is no limit. */
  timeoutMs: number | undefined;
  metadata: Record<string, string | Uint8Array>;
}

/** Why a job has no answer: the fields of `gibbs.v1.Failure`. */
export interface JobFailure {
  code: number;
  type: string;
  message: string;
  stack: string;
  reason: string;
  details: ErrorDetail[];
}

/** Returns a failure outcome; fields that are not given are empty. */
export function failed(failure: Partial<JobFailure>): JobOutcome {
  const unknown = { code: 0, type: "", message: "", stack: "", reason: "", details: [] };
  return { kind: "failure", failure: { ...unknown, ...failure } };
}

/** Signals that a job is cancelled; the signal may be created on first access. */
export interface Abort {
  readonly signal: AbortSignal;
}

/** How a job ended. */
export type JobOutcome =
  | { kind: "payload"; payload: Uint8Array }
  | { kind: "failure"; failure: JobFailure }
  | { kind: "nack"; execution: Execution; reason: string };

/** Returns the failure of a job whose answer exceeds the limit. */
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
 * Runs jobs, in handlers in this process or in separate processes. It has slots, and reports when
 * one becomes free or is taken.
 */
export interface Executor {
  /** Whether the worker can answer heartbeats while a job runs. */
  readonly beatsWhileBusy: boolean;
  /** The served methods. Available once it has started. */
  readonly methods: readonly ServedMethod[];

  /**
   * Starts the executor. From then on `onSlots` reports every change in the number of free slots,
   * including one freed by a finished job (after its `done`) and one taken by a job.
   *
   * @throws GibbsError FAILED_PRECONDITION / START_FAILED if it can never run jobs.
   */
  start(onSlots: (change: number) => void): Promise<void>;

  /**
   * Runs a job in a free slot. Calls `done` exactly once. When `abort` fires, the answer is no
   * longer wanted, and the job should end soon, with any outcome.
   */
  run(job: JobInput, abort: Abort, done: (outcome: JobOutcome) => void): void;

  /**
   * Informs the executor how long, in milliseconds, the hub waits for a cancelled job to end before
   * it drops the worker. Only for executors that can end a job themselves before then.
   */
  limitGrace?(hubGraceMs: number): void;

  /** Stops everything. Running jobs are ended where possible. */
  stop(): Promise<void>;
}
