import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { centralQueue } from "../../bench/ideal.js";
import { percentile } from "../../bench/stats.js";
import { poissonJobs, shortAndLong, type TimedJob } from "../../bench/workload.js";

const arrivals = fc
  .array(fc.record({ at: fc.nat(1000), ms: fc.integer({ min: 1, max: 100 }) }), { minLength: 1 })
  .map((jobs): TimedJob[] => jobs.sort((a, b) => a.at - b.at));

describe("one queue in front of all workers", () => {
  it("gives a job to a worker that is free, otherwise to the first that becomes free", () => {
    const jobs = [
      { at: 0, ms: 10 },
      { at: 1, ms: 4 },
      { at: 2, ms: 10 },
      { at: 3, ms: 1 },
      { at: 50, ms: 5 },
    ];
    expect(centralQueue(jobs, 2)).toEqual([10, 4, 13, 8, 5]);
  });

  it("makes no job wait while there are enough workers", () => {
    fc.assert(
      fc.property(arrivals, (jobs) => {
        expect(centralQueue(jobs, jobs.length)).toEqual(jobs.map(({ ms }) => ms));
      }),
    );
  });

  it("keeps one worker busy until all is done", () => {
    fc.assert(
      fc.property(arrivals, (jobs) => {
        let freeAt = 0;
        const inTurn = jobs.map(({ at, ms }) => {
          freeAt = Math.max(freeAt, at) + ms;
          return freeAt - at;
        });
        expect(centralQueue(jobs, 1)).toEqual(inTurn);
      }),
    );
  });

  it("is no slower with more workers", () => {
    fc.assert(
      fc.property(arrivals, fc.integer({ min: 1, max: 8 }), (jobs, workers) => {
        const fewer = centralQueue(jobs, workers);
        const more = centralQueue(jobs, workers + 1);
        expect(more.every((ms, i) => ms <= Number(fewer[i]))).toBe(true);
      }),
    );
  });
});

const DURATION_MS = 600_000;

describe("the jobs of the open loop", () => {
  const jobs = poissonJobs(shortAndLong, DURATION_MS, 1);

  it("are the same for the same seed, and different for another", () => {
    expect(poissonJobs(shortAndLong, 1000, 7)).toEqual(poissonJobs(shortAndLong, 1000, 7));
    expect(poissonJobs(shortAndLong, 1000, 7)).not.toEqual(poissonJobs(shortAndLong, 1000, 8));
  });

  it("arrive in order, one in ten is long, and they fill 80 % of eight workers", () => {
    expect(jobs.every(({ at }, i) => i === 0 || at > Number(jobs[i - 1]?.at))).toBe(true);
    const long = jobs.filter(({ ms }) => ms === 55).length / jobs.length;
    expect(long).toBeCloseTo(0.1, 2);
    const work = jobs.reduce((sum, { ms }) => sum + ms, 0);
    expect(work / (8 * DURATION_MS)).toBeCloseTo(0.8, 1);
  });

  it("arrive as independently of one another as in a Poisson process", () => {
    const gaps = jobs.slice(1).map(({ at }, i) => at - Number(jobs[i]?.at));
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    // The median of exponential gaps is their mean times ln 2.
    expect(percentile(gaps, 0.5) / mean).toBeCloseTo(Math.LN2, 2);
    expect(percentile(gaps, 0.99) / mean).toBeCloseTo(Math.log(100), 1);
  });

  it("wait in the ideal queue as long as theory predicts", () => {
    const single = { ...shortAndLong, workers: 1 };
    const jobs = poissonJobs(single, 5 * DURATION_MS, 1);
    const waits = centralQueue(jobs, 1).map((ms, i) => ms - Number(jobs[i]?.ms));
    const mean = waits.reduce((sum, ms) => sum + ms, 0) / waits.length;
    // Pollaczek–Khinchine: the arrival rate times the mean square of the durations, divided by
    // twice the idle share.
    const meanSquare = 0.9 * 5 ** 2 + 0.1 * 55 ** 2;
    const theory = (0.08 * meanSquare) / (2 * (1 - 0.8));
    expect(mean / theory).toBeCloseTo(1, 1);
  });
});
