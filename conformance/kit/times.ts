import type { OptionTable } from "#base/options/option-table.js";
import { SECOND } from "#base/options/units.js";

/** How long the kit waits for a worker. Times in milliseconds. */
export interface ConformanceTimes {
  /** The time from the start of the command to the worker's first `ready`. Default 30 s. */
  startTimeoutMs: number;
  /** The time for anything that a scenario waits for. Default 5 s. */
  answerTimeoutMs: number;
  /**
   * How long to watch a worker that must not do something, where no event proves that
   * it never will. Longer than the longest first pause before a reconnect. Default 1.5 s.
   */
  watchMs: number;
  /** How long a worker computes, or holds a job, while something goes wrong. Default 1.5 s. */
  workMs: number;
}

/** The kit's time limits. */
export const conformanceOptionTable: OptionTable<ConformanceTimes> = {
  startTimeoutMs: {
    default: 30 * SECOND,
    unit: "ms",
    flag: ["--start-timeout <time>", "how long the worker may take to start"],
  },
  answerTimeoutMs: {
    default: 5 * SECOND,
    unit: "ms",
    flag: ["--timeout <time>", "how long the worker may take to answer"],
  },
  watchMs: { default: 1.5 * SECOND, unit: "ms" },
  workMs: { default: 1.5 * SECOND, unit: "ms" },
};
