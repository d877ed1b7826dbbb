import { expect, it } from "vitest";
import { Flusher } from "../../src/base/flusher.js";
import { ManualClock } from "../support/manual-clock.js";

function start() {
  const flushes: string[] = [];
  let wanted: string[] = [];
  const flusher = new Flusher(new ManualClock(), (isTurnOver) => {
    flushes.push(`${wanted.join("+")} ${isTurnOver ? "at the end" : "at once"}`);
    wanted = [];
  });
  const want = (what: string): void => {
    wanted.push(what);
    flusher.soon();
  };
  return { flusher, flushes, want };
}

/** The next turn of the event loop. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it("flushes a lone request before any new input is read", async () => {
  const { flushes, want } = start();
  want("a");
  want("b");
  await Promise.resolve().then(() => want("c"));
  await new Promise<void>((resolve) => process.nextTick(resolve));
  expect(flushes).toEqual(["a+b+c at once"]);
  await turn();
  expect(flushes).toHaveLength(1);
});

it("batches what follows in the same turn", async () => {
  const { flushes, want } = start();
  await turn();
  want("a");
  await new Promise<void>((resolve) => process.nextTick(resolve));
  want("b");
  want("c");
  await turn();
  want("d");
  await turn();
  expect(flushes).toEqual(["a at once", "b+c at the end", "d at once"]);
});

it("waits for the end of the turn if asked to", async () => {
  const { flusher, flushes, want } = start();
  await turn();
  flusher.afterInput();
  want("a");
  await new Promise<void>((resolve) => process.nextTick(resolve));
  expect(flushes).toEqual([]);
  await turn();
  expect(flushes).toEqual(["a at the end"]);
});
