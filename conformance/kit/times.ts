/** How patient the kit is with a worker. Times in milliseconds. */
export interface ConformanceTimes {
  /** From the start of the command until the worker has said hello and is ready. Default 30 s. */
  startTimeoutMs: number;
  /** Until the worker has done what a scenario waits for. Default 5 s. */
  answerTimeoutMs: number;
  /**
   * How long a worker is watched that must not do something, where nothing that it
   * does proves that it will not. Longer than its longest first pause before it
   * dials again. Default 1.5 s.
   */
  watchMs: number;
  /** For how long the kit has a worker compute, or hold a job, while something goes wrong. Default 1.5 s. */
  workMs: number;
}

/** The times of a kit that is told no others. */
export const conformanceDefaults: ConformanceTimes = {
  startTimeoutMs: 30_000,
  answerTimeoutMs: 5_000,
  watchMs: 1_500,
  workMs: 1_500,
};
