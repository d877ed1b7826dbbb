/** A job of an open loop, which arrives whether or not earlier jobs are done. */
export interface TimedJob {
  /** When it arrives, in milliseconds from the start. */
  at: number;
  /** How long it occupies a worker, in milliseconds. */
  ms: number;
}

/** The arrival rate and the mix of jobs. */
export interface Workload {
  workers: number;
  /** The average share of busy workers, 0 to 1. */
  load: number;
  /** Kinds of jobs, with shares that add up to 1. */
  mix: readonly { share: number; ms: number }[];
}

/** Most jobs are short and some are eleven times as long, to expose a bad choice of worker. */
export const shortAndLong: Workload = {
  workers: 8,
  load: 0.8,
  mix: [
    { share: 0.9, ms: 5 },
    { share: 0.1, ms: 55 },
  ],
};

/**
 * Jobs that arrive over `durationMs`, independently of one another (Poisson); the same seed gives
 * the same jobs.
 */
export function poissonJobs(workload: Workload, durationMs: number, seed: number): TimedJob[] {
  const random = seededRandom(seed);
  const meanMs = workload.mix.reduce((sum, { share, ms }) => sum + share * ms, 0);
  const meanGapMs = meanMs / (workload.workers * workload.load);
  const jobs: TimedJob[] = [];
  let at = 0;
  for (;;) {
    at += -Math.log(1 - random()) * meanGapMs;
    if (at >= durationMs) return jobs;
    jobs.push({ at, ms: draw(workload.mix, random()) });
  }
}

function draw(mix: Workload["mix"], chance: number): number {
  let sum = 0;
  for (const { share, ms } of mix) {
    sum += share;
    if (chance < sum) return ms;
  }
  return mix.at(-1)?.ms ?? 0;
}

/** A generator of numbers in [0, 1); the same seed gives the same numbers (mulberry32). */
function seededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
