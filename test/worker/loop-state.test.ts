import { expect, it } from "vitest";
import { follow, type LoopState } from "../../src/worker/loop-state.js";
import { ManualClock } from "../support/manual-clock.js";

it("cancels a state's timer on leaving it, and allows no transition outside the table", () => {
  const clock = new ManualClock();
  const timer = clock.setTimer(100, () => {});
  const waiting: LoopState = { kind: "waiting", timer, isOver: false };
  const closing: LoopState = { kind: "closing", error: undefined };
  expect(() => follow(waiting, { kind: "new" })).toThrow("a worker cannot go from waiting to new");
  expect(clock.pending).toBe(1);
  expect(follow(waiting, closing)).toBe(closing);
  expect(clock.pending).toBe(0);
});
