import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { HubEventSchema } from "../../src/gen/gibbs/v1/worker_pb.js";
import type { HubEventInit, WorkerEventInit } from "../../src/wire/messages/work.js";
import type { Executor, JobInput, JobOutcome } from "../../src/worker/executor.js";
import { WorkerSession } from "../../src/worker/session/session.js";
import { job as aJob } from "../support/job.js";
import { ManualClock } from "../support/manual-clock.js";

/** A session for which the test plays the hub and the handlers. */
class Stage {
  readonly clock = new ManualClock();
  readonly sent: WorkerEventInit[][] = [];
  readonly running: { job: JobInput; signal: AbortSignal; done: (outcome: JobOutcome) => void }[] =
    [];
  gaveUp: string | undefined;
  free: number;
  readonly session: WorkerSession;

  constructor(slots = 1) {
    this.free = slots;
    const executor: Executor = {
      beatsWhileBusy: true,
      methods: [],
      start: async () => {},
      stop: async () => {},
      run: (job, { signal }, done) => {
        this.free -= 1;
        this.running.push({ job, signal, done });
      },
    };
    this.session = new WorkerSession(
      {
        clock: this.clock,
        executor,
        freeSlots: () => this.free,
        send: (events) => this.sent.push([...events]),
        giveUp: (why) => {
          this.gaveUp = why;
        },
        onWelcome: () => {},
        onHubDrain: () => {},
      },
      { case: "hello", value: {} },
      20_000,
    );
  }

  hear(...events: HubEventInit[]): void {
    this.session.receive(events.map((event) => create(HubEventSchema, { event })));
  }

  /** Lets a handler return, which frees its slot. */
  finish(
    index: number,
    outcome: JobOutcome = { kind: "payload", payload: new Uint8Array() },
  ): void {
    this.running[index]?.done(outcome);
    this.free += 1;
    this.session.offerSlots();
  }

  /** The kinds of the events sent since the last call, one list per message. */
  async told(): Promise<(string | undefined)[][]> {
    await this.clock.advance(0);
    return this.sent.splice(0).map((events) => events.map((event) => event.case));
  }
}

const welcome: HubEventInit = { case: "welcome", value: { hubTimeoutMs: 30_000 } };
const job = (jobId: number, timeoutMs?: number): HubEventInit => aJob({ jobId, timeoutMs });

describe("a worker's session", () => {
  it("says hello and offers its slots in its first message", async () => {
    const stage = new Stage(3);
    expect(await stage.told()).toEqual([["hello", "ready"]]);
  });

  it("ends a job before offering its slot, in one message", async () => {
    const stage = new Stage();
    await stage.told();
    stage.hear(welcome, job(1));
    expect(await stage.told()).toEqual([]);
    stage.finish(0);
    expect(await stage.told()).toEqual([["result", "ready"]]);
  });

  it("holds a job whose slot has gone until there is another", async () => {
    const stage = new Stage();
    await stage.told();
    stage.free = 0;
    stage.hear(welcome, job(1));
    expect(stage.running).toHaveLength(0);
    stage.free = 1;
    stage.session.offerSlots();
    expect(stage.running).toHaveLength(1);
    expect(await stage.told(), "the slot was promised already").toEqual([]);
  });

  it("gives a held job back when no slot becomes free in time", async () => {
    const stage = new Stage();
    await stage.told();
    stage.free = 0;
    stage.hear(welcome, job(1));
    await stage.clock.advance(999);
    expect(stage.sent).toEqual([]);
    await stage.clock.advance(1);
    expect(stage.sent).toMatchObject([[{ case: "nack", value: { jobId: 1, execution: 1 } }]]);
    stage.free = 1;
    stage.session.offerSlots();
    await stage.clock.advance(0);
    expect(stage.sent[1], "the slot is offered again").toMatchObject([{ case: "ready" }]);
  });

  it("announces a large result, and fails one that its hub would not accept", async () => {
    const stage = new Stage(2);
    await stage.told();
    stage.hear({ case: "welcome", value: { hubTimeoutMs: 30_000, maxPayloadBytes: 300_000 } });
    stage.hear(job(1), job(2));
    stage.finish(0, { kind: "payload", payload: new Uint8Array(300_000) });
    stage.finish(1, { kind: "payload", payload: new Uint8Array(300_001) });
    await stage.clock.advance(0);
    expect(stage.sent).toMatchObject([
      [{ case: "heartbeat", value: { pendingBytes: 300_000 } }],
      [
        { case: "result", value: { outcome: { case: "payload" } } },
        { case: "ready" },
        { value: { outcome: { case: "failure", value: { reason: "RESULT_TOO_LARGE" } } } },
        { case: "ready" },
      ],
    ]);
  });

  it("gives a held job back when it is cancelled", async () => {
    const stage = new Stage();
    await stage.told();
    stage.free = 0;
    stage.hear(welcome, job(1), { case: "cancel", value: { jobId: 1 } });
    await stage.clock.advance(0);
    expect(stage.sent).toMatchObject([[{ case: "nack", value: { jobId: 1, execution: 1 } }]]);
  });

  it("fires the signal on cancel and on timeout, and still ends the job", async () => {
    const stage = new Stage(2);
    await stage.told();
    stage.hear(welcome, job(1), job(2, 500));
    stage.hear({ case: "cancel", value: { jobId: 1, reason: "gone" } });
    stage.hear({ case: "cancel", value: { jobId: 99 } });
    expect(stage.running.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    await stage.clock.advance(500);
    expect(stage.running.map(({ signal }) => signal.aborted)).toEqual([true, true]);
    stage.finish(0);
    stage.finish(1);
    expect(await stage.told()).toEqual([["result", "ready", "result", "ready"]]);
    expect(stage.clock.pending, "no timer of a job is left").toBe(1);
  });

  it("echoes a heartbeat", async () => {
    const stage = new Stage();
    await stage.told();
    stage.hear(welcome, { case: "heartbeat", value: {} });
    expect(await stage.told()).toEqual([["heartbeat"]]);
  });

  it("gives back a job that crosses its drain, finishes the others, and offers no more slots", async () => {
    const stage = new Stage(2);
    await stage.told();
    stage.hear(welcome, job(1));
    stage.session.drain("deploy");
    stage.hear(job(2));
    stage.finish(0);
    expect(await stage.told()).toEqual([["drain", "nack", "result"]]);
  });

  it("remembers what a draining hub asked for", async () => {
    const stage = new Stage();
    stage.hear(welcome, {
      case: "drain",
      value: { next: { case: "reconnectAfterMs", value: 70 } },
    });
    expect(stage.session.ended(undefined)).toEqual({
      error: undefined,
      welcomed: true,
      next: { kind: "reconnect", afterMs: 70 },
    });
    const leaving = new Stage();
    leaving.hear(welcome, { case: "drain", value: { next: { case: "exit", value: true } } });
    expect(leaving.session.ended(undefined).next).toEqual({ kind: "exit" });
  });

  it("cancels orphaned handlers, and drops their outcomes", async () => {
    const stage = new Stage();
    await stage.told();
    stage.hear(welcome, job(1));
    stage.session.ended(undefined);
    expect(stage.running[0]?.signal.aborted).toBe(true);
    stage.finish(0);
    expect(await stage.told()).toEqual([]);
  });

  it("abandons a hub that never welcomes it, or falls silent", async () => {
    const stage = new Stage();
    await stage.clock.advance(19_999);
    expect(stage.gaveUp).toBeUndefined();
    await stage.clock.advance(1);
    expect(stage.gaveUp).toMatch(/silent for 20000 ms/);

    const served = new Stage();
    served.hear(welcome);
    await served.clock.advance(29_000);
    served.hear({ case: "heartbeat", value: {} });
    await served.clock.advance(29_000);
    expect(served.gaveUp).toBeUndefined();
    await served.clock.advance(1000);
    expect(served.gaveUp).toMatch(/silent for 30000 ms/);
  });

  it("abandons a hub that drains before its welcome, and sends nothing more", async () => {
    const stage = new Stage();
    await stage.told();
    stage.hear({ case: "drain", value: {} }, { case: "heartbeat", value: {} }, job(1));
    expect(stage.gaveUp).toMatch(/drained before it welcomed/);
    expect(await stage.told()).toEqual([]);
    expect(stage.clock.pending, "no timer is left").toBe(0);
    expect(stage.session.end, "the stream has not ended yet").toBeUndefined();
    stage.session.ended(undefined);
    expect(stage.session.end).toMatchObject({
      error: { code: "UNAVAILABLE" },
      welcomed: false,
      next: undefined,
    });
  });

  it("cannot be drained before its hub has welcomed it, nor end twice", () => {
    const { session } = new Stage();
    const isInternal = expect.objectContaining({ code: "INTERNAL", reason: "INTERNAL" });
    expect(() => session.drain("deploy")).toThrow(isInternal);
    session.ended(undefined);
    expect(() => session.ended(undefined)).toThrow(isInternal);
    expect(() => session.drain("deploy")).not.toThrow();
  });
});
