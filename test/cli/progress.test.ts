import { describe, expect, it } from "vitest";
import { Progress, type ProgressStream, type Tally } from "../../src/cli/map/progress.js";
import { ManualClock } from "../support/manual-clock.js";

/** A terminal or log that records what is written to it. */
function stream(
  kind: Partial<ProgressStream> = {},
): ProgressStream & { written: string[]; last(): string } {
  const written: string[] = [];
  const last = (): string => (written.at(-1) ?? "").replace("\r\u001b[K", "");
  return { ...kind, written, last, write: (text) => written.push(text) };
}

const fresh = (): Tally => ({ done: 0, failed: 0, position: 0 });

describe("progress", () => {
  it("shows a terminal done, failed, rate and time left, in one line that it rewrites", async () => {
    const clock = new ManualClock();
    const terminal = stream({ isTTY: true, columns: 100 });
    const tally = fresh();
    const progress = new Progress(terminal, clock, () => tally, 1_000_000);
    Object.assign(tally, { done: 1000, position: 100_000 });
    await clock.advance(200);
    Object.assign(tally, { done: 3000, failed: 2, position: 300_000 });
    await clock.advance(200);
    expect(terminal.last()).toBe(
      "[======              ]  30%  3,000 done  2 failed  10,000/s  1s left",
    );
    expect(terminal.written.every((text) => text.startsWith("\r\u001b[K"))).toBe(true);
    Object.assign(tally, { done: 10_000, position: 1_000_000 });
    progress.stop();
    expect(terminal.last()).toMatch(/^\[={20}\] 100% {2}10,000 done .*\/s\n$/);
    expect(clock.pending).toBe(0);
  });

  it("writes a few times a second however many are done, and never more than a line", async () => {
    const clock = new ManualClock();
    const terminal = stream({ isTTY: true, columns: 20 });
    const tally = fresh();
    new Progress(terminal, clock, () => tally, 1000);
    for (let millisecond = 0; millisecond < 1000; millisecond += 1) {
      tally.done += 1000;
      await clock.advance(1);
    }
    expect(terminal.written).toHaveLength(5);
    expect(terminal.last()).toHaveLength(19);
  });

  it("shows the recent rate, and leaves out what an earlier run did", async () => {
    const clock = new ManualClock();
    const terminal = stream({ isTTY: true, columns: 100 });
    const tally = { done: 500_000, failed: 0, position: 0 };
    new Progress(terminal, clock, () => tally, 36_000_000);
    tally.position = 1_000_000;
    await clock.advance(200);
    expect(terminal.last()).toBe("[                    ]   2%  500,000 done");
    const pace = async (ticks: number, answers: number): Promise<void> => {
      for (let tick = 0; tick < ticks; tick += 1) {
        tally.done += answers;
        tally.position += answers * 1000;
        await clock.advance(200);
      }
    };
    await pace(20, 100);
    expect(terminal.last()).toMatch(/ 500\/s {2}1m06s left$/);
    await pace(50, 1);
    expect(terminal.last()).toMatch(/ 5\.0\/s {2}1h49m left$/);
  });

  it("shows what is done when the inputs have no known end", async () => {
    const clock = new ManualClock();
    const terminal = stream({ isTTY: true });
    const tally = fresh();
    new Progress(terminal, clock, () => tally, undefined);
    Object.assign(tally, { done: 7, position: 70 });
    await clock.advance(200);
    expect(terminal.last()).toBe("7 done");
  });

  it("prints other messages on separate lines", () => {
    const terminal = stream({ isTTY: true });
    const progress = new Progress(terminal, new ManualClock(), fresh, undefined);
    progress.say("finishing");
    expect(terminal.written).toEqual(["\r\u001b[Kfinishing\n"]);
  });

  it("gives a log a plain line a minute, and nothing at the end", async () => {
    const clock = new ManualClock();
    const log = stream();
    const tally = fresh();
    const progress = new Progress(log, clock, () => tally, 100);
    await clock.advance(59_000);
    expect(log.written).toEqual([]);
    Object.assign(tally, { done: 5, position: 50 });
    await clock.advance(1000);
    progress.stop();
    expect(log.written).toEqual(["gibbs map: [==========          ]  50%  5 done\n"]);
  });
});
