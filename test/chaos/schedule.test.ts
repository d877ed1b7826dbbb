import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { schedule } from "./schedule.js";
import { seeded } from "./seeded.js";

const kinds = ["a", "b", "c"];
const plan = (seed: number) => schedule(kinds, 60_000, [1000, 3000], seeded(seed));

describe("the schedule", () => {
  it("is the same for the same seed, and different for another", () => {
    expect(plan(1)).toEqual(plan(1));
    expect(plan(1)).not.toEqual(plan(2));
  });

  it("keeps its pauses and its end, and has every kind equally often", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const appointments = plan(seed);
        let before = 0;
        for (const { atMs } of appointments) {
          expect(atMs - before).toBeGreaterThanOrEqual(1000);
          expect(atMs - before).toBeLessThan(3000);
          before = atMs;
        }
        expect(before).toBeLessThan(60_000);
        const counts = kinds.map((wanted) => appointments.filter(({ kind }) => kind === wanted));
        const often = counts.map(({ length }) => length);
        expect(Math.max(...often) - Math.min(...often)).toBeLessThanOrEqual(1);
      }),
    );
  });
});
