import { createHash } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import { Session } from "../../src/hub/core/session.js";
import { keepOnly, makePlan } from "./plan.js";
import { minimize, shrink } from "./shrink.js";
import { simulate } from "./simulation.js";

const nothing = (): void => {};

function hashOf(seed: number): string {
  const { history, violation } = simulate(makePlan(seed), nothing, true);
  expect(violation).toBeUndefined();
  expect(history.length).toBeGreaterThan(10);
  return createHash("sha256").update(history.join("\n")).digest("hex");
}

describe("the simulation", () => {
  const { addCredit } = Session.prototype;
  afterEach(() => {
    Session.prototype.addCredit = addCredit;
  });

  it("keeps every promise over a handful of seeds", () => {
    for (let seed = 1; seed <= 60; seed += 1) {
      const { violation } = simulate(makePlan(seed), nothing);
      expect(violation, `seed ${seed}`).toBeUndefined();
    }
  });

  it("does the same for the same seed, to the last message", () => {
    const hashes = [7, 8, 9, 10].map(hashOf);
    expect([7, 8, 9, 10].map(hashOf)).toEqual(hashes);
    expect(new Set(hashes).size).toBe(4);
  });

  it("shrinks what breaks a promise to a short history that breaks it again", () => {
    // Every ready counts one slot more than it says.
    Session.prototype.addCredit = function (slots) {
      return addCredit.call(this, slots + 1);
    };
    const seeds = Array.from({ length: 50 }, (_, index) => index + 1);
    const broken = seeds.map((seed) => simulate(makePlan(seed), nothing)).filter(isBroken);
    expect(broken.length).toBeGreaterThan(0);
    const { seed, violation } = broken[0] as (typeof broken)[0];
    expect(violation?.check).toBe("only against credit");
    const { plan, report } = shrink(makePlan(seed), "only against credit");
    expect(plan.actions.length).toBeLessThanOrEqual(4);
    const keep = plan.actions.map(({ index }) => index);
    const again = simulate(keepOnly(makePlan(seed), keep), nothing, true);
    expect(again.violation).toEqual(report.violation);
    expect(again.history).toEqual(report.history);

    Session.prototype.addCredit = addCredit;
    expect(simulate(keepOnly(makePlan(seed), keep), nothing).violation).toBeUndefined();
  });
});

function isBroken({ violation }: ReturnType<typeof simulate>): boolean {
  return violation !== undefined;
}

describe("delta debugging", () => {
  it("finds the few that matter among many", () => {
    const items = Array.from({ length: 100 }, (_, index) => index);
    const fails = (kept: readonly number[]): boolean => kept.includes(17) && kept.includes(80);
    expect(minimize(items, fails)).toEqual([17, 80]);
    expect(minimize(items, () => true)).toEqual([]);
  });
});
