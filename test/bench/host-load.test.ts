import { expect, it } from "vitest";
import { parseStat, stolenShare } from "../../bench/host-load.js";

it("reads how much time was stolen from /proc/stat", () => {
  const stat = (idle: number, steal: number): string =>
    `cpu  100 0 50 ${idle} 0 0 0 ${steal} 7 0\ncpu0 9 9 9 9 9 9 9 9 9 9\nctxt 1\nprocs_running 3\n`;
  const [before, after] = [parseStat(stat(800, 10)), parseStat(stat(870, 40))];
  expect(before).toEqual({ total: 960, stolen: 10, runnable: 3 });
  expect(stolenShare(before, after)).toBeCloseTo(0.3);
  expect(stolenShare(before, before)).toBe(0);
});
