import type { TimedJob } from "./workload.js";

/**
 * The response times, in milliseconds and in the order of arrival, of one queue,
 * first come first served, in front of `workers` of which each has one job at a
 * time, where nothing but the jobs takes time. No hub that does not know how long
 * jobs will take can be relied on to do better.
 *
 * @param jobs in the order of their arrival.
 */
export function centralQueue(jobs: readonly TimedJob[], workers: number): number[] {
  const freeAt = new Array<number>(workers).fill(0);
  return jobs.map(({ at, ms }) => {
    const earliest = Math.min(...freeAt);
    const endsAt = Math.max(at, earliest) + ms;
    freeAt[freeAt.indexOf(earliest)] = endsAt;
    return endsAt - at;
  });
}
