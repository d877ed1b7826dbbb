import type { TimedJob } from "./workload.js";

/**
 * The response times, in milliseconds and in order of arrival, of one first-come-first-served queue
 * in front of `workers` workers that each run one job at a time, with no overhead beyond the jobs
 * themselves. No dispatcher that does not know job durations in advance can reliably do better.
 *
 * @param jobs in order of arrival.
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
