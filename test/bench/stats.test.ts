import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { median, pairedRatios, percentile, slope } from "../../bench/stats.js";

const figures = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1 });

describe("a percentile", () => {
  it("is the smallest value that the share does not exceed", () => {
    const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect([0, 0.5, 0.99, 0.999, 1].map((share) => percentile(hundred, share))).toEqual([
      1, 50, 99, 100, 100,
    ]);
  });

  it("is a value that was measured, with that share at or below it", () => {
    fc.assert(
      fc.property(figures, fc.double({ min: 0.01, max: 1, noNaN: true }), (values, share) => {
        const found = percentile(values, share);
        expect(values).toContain(found);
        const atMost = values.filter((value) => value <= found).length;
        expect(atMost).toBeGreaterThanOrEqual(values.length * share);
      }),
    );
  });

  it("sorts numbers as numbers, without reordering its input", () => {
    const values = [10, 9, 1];
    expect(percentile(values, 0.5)).toBe(9);
    expect(values).toEqual([10, 9, 1]);
  });

  it("is NaN if there are no values", () => {
    expect(percentile([], 0.5)).toBeNaN();
    expect(median([])).toBeNaN();
  });
});

describe("a median", () => {
  it("is the value in the middle, or halfway between two", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });
});

describe("paired ratios", () => {
  it("compare what was measured in the same round", () => {
    expect(pairedRatios([2, 9], [1, 3])).toEqual([2, 3]);
  });
});

describe("a slope", () => {
  it("is that of the line through the values", () => {
    expect(slope([1, 3, 5, 7])).toBe(2);
    expect(slope([4, 4, 4])).toBe(0);
    expect(slope([0, 2, 1, 3])).toBeCloseTo(0.8);
  });
});
