import { createHash } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import { Session } from "../../src/hub/core/workers/session.js";
import { faults, perform } from "./actions.js";
import { keepOnly, makePlan } from "./plan.js";
import { minimize, shrink } from "./shrink.js";
import { type Report, simulate } from "./simulation.js";
import { World } from "./world.js";

const nothing = (): void => {};

async function hashOf(seed: number): Promise<string> {
  const { history, violation } = await simulate(makePlan(seed), nothing, true);
  expect(violation).toBeUndefined();
  expect(history.length).toBeGreaterThan(10);
  return createHash("sha256").update(history.join("\n")).digest("hex");
}

/** The report of the first of `count` seeds that breaks a promise. */
async function firstBroken(count: number): Promise<Report> {
  for (let seed = 1; seed <= count; seed += 1) {
    const report = await simulate(makePlan(seed), nothing);
    if (report.violation !== undefined) return report;
  }
  throw new Error(`none of ${count} seeds breaks a promise`);
}

describe("the simulation", () => {
  const { addCredit } = Session.prototype;
  afterEach(() => {
    Session.prototype.addCredit = addCredit;
  });

  it("keeps every promise over a handful of seeds", async () => {
    for (let seed = 1; seed <= 60; seed += 1) {
      const { violation } = await simulate(makePlan(seed), nothing);
      expect(violation, `seed ${seed}`).toBeUndefined();
    }
  });

  it("does the same for the same seed, to the last message", async () => {
    const hashes: string[] = [];
    for (const seed of [7, 8, 9, 10, 7, 8, 9, 10]) hashes.push(await hashOf(seed));
    expect(hashes.slice(4)).toEqual(hashes.slice(0, 4));
    expect(new Set(hashes).size).toBe(4);
  });

  it("shrinks what breaks a promise to a short history that breaks it again", async () => {
    // Every ready counts for one more slot than it states.
    Session.prototype.addCredit = function (slots) {
      return addCredit.call(this, slots + 1);
    };
    const { seed, violation } = await firstBroken(50);
    expect(violation?.check).toBe("only against credit");
    const { plan, report } = await shrink(makePlan(seed), "only against credit");
    expect(plan.actions.length).toBeLessThanOrEqual(4);
    const keep = plan.actions.map(({ index }) => index);
    const again = await simulate(keepOnly(makePlan(seed), keep), nothing, true);
    expect(again.violation).toEqual(report.violation);
    expect(again.history).toEqual(report.history);

    Session.prototype.addCredit = addCredit;
    const mended = await simulate(keepOnly(makePlan(seed), keep), nothing);
    expect(mended.violation).toBeUndefined();
  });
});

describe("a fault", () => {
  const ofClients = faults.filter((kind) => kind.startsWith("client "));

  it.each(ofClients)("%s: harms nobody once the faults are over", (kind) => {
    for (let seed = 1; seed <= 30; seed += 1) {
      const world = new World(makePlan(seed).parameters.limits, nothing, false);
      const before = [...world.callers];
      perform(world, { index: 0, at: 0, kind, seed });
      world.isHealing = true;
      for (const { process } of before) process.thaw();
      const until = world.timeline.now + 1000;
      while (world.timeline.step(until));
      expect([...world.callers]).toEqual(before);
      expect(before.map(({ link }) => link.isWhole)).toEqual([true, true]);
      expect(world.hub?.process.isFrozen).toBe(false);
    }
  });
});

describe("delta debugging", () => {
  it("finds the few items that matter among many", async () => {
    const items = Array.from({ length: 100 }, (_, index) => index);
    const fails = async (kept: readonly number[]): Promise<boolean> =>
      kept.includes(17) && kept.includes(80);
    expect(await minimize(items, fails)).toEqual([17, 80]);
    expect(await minimize(items, async () => true)).toEqual([]);
  });
});
