import { describe, expect, it } from "vitest";
import { Chance } from "./machine/chance.js";
import { Path, Pipe } from "./machine/pipe.js";
import { SimProcess } from "./machine/process.js";
import { Timeline } from "./machine/timeline.js";

describe("a simulated process", () => {
  it("fires timers that are due after a stall, then reads, then does what comes after input", () => {
    const timeline = new Timeline();
    const process = new SimProcess(timeline);
    const done: string[] = [];
    const start = timeline.now;
    process.input(start + 5, () => {
      done.push("input");
      process.afterInput(() => done.push("after input"));
    });
    process.setTimer(10, () => done.push("timer"));
    process.setTimer(11, () => done.push("cancelled")).cancel();
    process.onThaw = (stalledMs) => done.push(`stood still for ${stalledMs} ms`);
    process.freeze(50);
    while (timeline.step(start + 49));
    expect(done).toEqual([]);
    while (timeline.step(start + 50));
    expect(done).toEqual(["stood still for 50 ms", "timer", "input", "after input"]);
    expect(process.pendingTimers).toBe(0);
  });

  it("does nothing once it is dead", () => {
    const timeline = new Timeline();
    const process = new SimProcess(timeline);
    const done: string[] = [];
    process.setTimer(1, () => done.push("timer"));
    process.die();
    while (timeline.step(timeline.now + 10));
    expect(done).toEqual([]);
  });
});

describe("a pipe", () => {
  it("keeps the order, whatever the delays, and holds all back while its path is blocked", () => {
    const timeline = new Timeline();
    const start = timeline.now;
    const path = new Path(new Chance(1), 0, 100);
    const read: number[] = [];
    const pipe = new Pipe<number>(path, "up", new SimProcess(timeline), (item) => read.push(item));
    path.blockedUntil.up = start + 500;
    const sent = Array.from({ length: 20 }, (_, index) => index);
    for (const item of sent) pipe.send(item, 10);
    while (timeline.step(start + 499));
    expect([read, pipe.unreadBytes]).toEqual([[], 200]);
    while (timeline.step(start + 500));
    expect([read, pipe.unreadBytes]).toEqual([sent, 0]);
  });

  it("is not read while it is held, but for a reset, which loses what was not read", () => {
    const timeline = new Timeline();
    const read: string[] = [];
    const path = new Path(new Chance(1), 1, 1);
    const pipe = new Pipe<string>(path, "up", new SimProcess(timeline), (item) => read.push(item));
    const pass = (ms: number): void => {
      const until = timeline.now + ms;
      while (timeline.step(until));
    };
    pipe.hold(true);
    pipe.send("first", 10);
    pass(5);
    expect([read, pipe.unreadBytes]).toEqual([[], 10]);
    pipe.hold(false);
    pass(5);
    expect([read, pipe.unreadBytes]).toEqual([["first"], 0]);
    pipe.hold(true);
    pipe.send("lost", 10);
    pipe.reset("reset");
    pass(5);
    expect([read, pipe.unreadBytes]).toEqual([["first", "reset"], 0]);
  });
});
