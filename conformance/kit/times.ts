import type { OptionTable } from "#base/option-table.js";
import { SECOND } from "#base/units.js";

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

/** The times of a kit. */
export const conformanceOptionTable: OptionTable<ConformanceTimes> = {
  startTimeoutMs: {
    default: 30 * SECOND,
    unit: "ms",
    flag: ["--start-timeout <time>", "how long the worker may take to come up"],
  },
  answerTimeoutMs: {
    default: 5 * SECOND,
    unit: "ms",
    flag: ["--timeout <time>", "how long it may take to answer"],
  },
  watchMs: { default: 1.5 * SECOND, unit: "ms" },
  workMs: { default: 1.5 * SECOND, unit: "ms" },
};
