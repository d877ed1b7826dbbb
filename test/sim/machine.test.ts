import { describe, expect, it } from "vitest";
import { Chance } from "./machine/chance.js";
import { ClientCall } from "./machine/client-call.js";
import type { Connection } from "./machine/connection.js";
import { Path, Pipe } from "./machine/pipe.js";
import { SimProcess } from "./machine/process.js";
import { ServerCall } from "./machine/server-call.js";
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
  it("keeps the order whatever the delays, and holds everything back while its path is blocked", () => {
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

  it("is not read while its receiver is frozen, even when its path works again", () => {
    const timeline = new Timeline();
    const process = new SimProcess(timeline);
    const path = new Path(new Chance(1), 1, 1);
    const read: number[] = [];
    const pipe = new Pipe<number>(path, "up", process, () => read.push(timeline.now));
    const start = timeline.now;
    path.blockedUntil.up = start + 500;
    pipe.send(1);
    process.freeze(100);
    while (timeline.step(start + 50));
    path.blockedUntil.up = 0;
    pipe.wake();
    while (timeline.step(start + 200));
    expect(read).toEqual([start + 100]);
  });

  it("is not read while held, except for a reset, which loses what was not read", () => {
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

describe("a call", () => {
  it("loses nothing that either side writes to a full socket", () => {
    const timeline = new Timeline();
    const process = new SimProcess(timeline);
    const path = new Path(new Chance(1), 1, 1);
    const read = { up: [] as string[], down: [] as string[] };
    const drained = { up: 0, down: 0 };
    let server: ServerCall | undefined;
    const accept = (connection: Connection): ServerCall => {
      server = new ServerCall(connection, 5);
      server.serve(() => ({
        onMessage: (message) => read.up.push(String(message)),
        onDrain: () => (drained.down += 1),
        onHalfClose: () => {},
        onClose: () => {},
      }));
      return server;
    };
    const machine = { timeline, process, path, highWaterBytes: 5 };
    const client = new ClientCall(machine, () => ({ process: new SimProcess(timeline), accept }));
    client.on("data", (message) => read.down.push(String(message)));
    client.on("drain", () => (drained.up += 1));
    const pass = (ms: number): void => {
      const until = timeline.now + ms;
      while (timeline.step(until));
    };
    pass(5);
    const messages = ["small", "too much", "more", "and more"];
    const full = [false, true, true, true];
    expect(messages.map((message) => !client.write(Buffer.from(message)))).toEqual(full);
    expect(messages.map((message) => !server?.write(Buffer.from(message)))).toEqual(full);
    pass(5);
    expect(read).toEqual({ up: messages, down: messages });
    expect(drained).toEqual({ up: 1, down: 1 });
  });
});
