/** What a worker is to do, and the input of each call. */
export interface Job {
  /** Unique in a run. */
  id: string;
  /** How long the job takes, in milliseconds. */
  ms: number;
}

/** The answer to a {@link Job}. */
export interface JobAnswer {
  /** The id of the job. */
  id: string;
  /** The name of the worker program that ran it. */
  by: string;
}

/** What a calling program has seen so far; it prints one as a line of JSON, again and again. */
export interface CallerReport {
  /** Calls that were answered correctly. */
  answered: number;
  /** Answers that belong to another request. */
  wrong: number;
  /** Calls that failed, by code and reason. */
  errors: Record<string, number>;
  /** Correct answers by the name of the worker. */
  by: Record<string, number>;
  /** Whether every call of a given number has ended, or all calls have after stdin did. */
  done: boolean;
}

/** What a working program has seen so far. */
export interface WorkerReport {
  /** Whether it has ever been connected. */
  ready: boolean;
  /** How many jobs it has begun. */
  begun: number;
}

/** The number of calls that failed. */
export function failuresOf({ errors }: CallerReport): number {
  return Object.values(errors).reduce((sum, count) => sum + count, 0);
}
