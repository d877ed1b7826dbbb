import { describe, expect, it } from "vitest";
import { check, type Rule } from "./check.js";
import type { CallOutcome, Note, Notes } from "./journal.js";
import { answerTo } from "./task.js";

/** The notes of a run with one client and one worker, which each test builds up step by step. */
class History {
  readonly notes: Notes = {
    call: [],
    outcome: [],
    finished: [{ kind: "finished", at: 9000, client: "client" }],
    worker: [{ kind: "worker", at: 0, worker: "worker", host: "host", slots: 1, pid: 1 }],
    start: [],
    end: [],
    hub: [],
  };

  call(fields: Partial<Extract<Note, { kind: "call" }>> = {}): this {
    const call = { id: "a", client: "client", idempotent: false, timeoutMs: 1000 };
    this.notes.call.push({ kind: "call", at: 1000, ...call, ...fields });
    return this;
  }

  run(fields: Partial<Extract<Note, { kind: "start" }>> = {}, endAt: number | undefined = 1020) {
    const execution = { id: "a", worker: "worker", run: 1, requestId: "r1", attempt: 1 };
    const start = { kind: "start" as const, at: 1010, ...execution, ...fields };
    this.notes.start.push(start);
    if (endAt !== undefined) this.notes.end.push({ ...start, kind: "end", at: endAt });
    return this;
  }

  /** Records that the worker began the call and was killed before it ended. */
  dieRunning(fields: Partial<Extract<Note, { kind: "start" }>> = {}): this {
    this.run(fields);
    this.notes.end.pop();
    return this;
  }

  answered(fields: Partial<Extract<CallOutcome, { ok: true }>> = {}, at = 1030): this {
    const outcome = { ok: true as const, answer: answerTo("a"), requestId: "r1", attempts: 1 };
    this.notes.outcome.push({ kind: "outcome", at, id: "a", outcome: { ...outcome, ...fields } });
    return this;
  }

  failed(fields: Partial<Extract<CallOutcome, { ok: false }>> = {}): this {
    const outcome = {
      ok: false as const,
      code: "ABORTED",
      reason: "WORKER_LOST",
      execution: "UNKNOWN",
      attempts: 1,
      requestId: "r1",
      retryAfterMs: undefined,
      message: "",
      ...fields,
    };
    this.notes.outcome.push({ kind: "outcome", at: 1030, id: "a", outcome });
    return this;
  }

  broken(maxSubmissions = 1): Rule[] {
    return check(this.notes, { graceMs: 500, maxSubmissions }).map(({ rule }) => rule);
  }
}

const history = (): History => new History();

describe("the checker believes", () => {
  it.each<[string, History]>([
    ["an answer", history().call().run().answered()],
    ["an UNKNOWN outcome of a call whose worker died", history().call().dieRunning().failed()],
    ["an UNKNOWN outcome of a call that never ran", history().call().failed()],
    [
      "a refusal of a call that never ran",
      history().call().failed({ reason: "QUEUE_FULL", execution: "NOT_STARTED", attempts: 0 }),
    ],
    [
      "an idempotent call that ran again",
      history()
        .call({ idempotent: true })
        .dieRunning()
        .run({ worker: "other", attempt: 2 })
        .answered({ attempts: 2 }),
    ],
    [
      "an idempotent call that its client sent again",
      history()
        .call({ idempotent: true })
        .run()
        .run({ requestId: "r2", run: 2, at: 1021 }, 1022)
        .answered({ requestId: "r2" }),
    ],
    ["the silence of a client that was killed", history().call({ client: "killed" }).run()],
    ["an end just within the grace", history().call().run().answered({}, 2500)],
  ])("%s", (_what, told) => {
    told.notes.worker.push({ ...told.notes.worker[0], worker: "other" } as never);
    expect(told.broken()).toEqual([]);
  });
});

describe("the checker catches", () => {
  const third = { run: 3, attempt: 3, at: 1041 };
  it.each<[Rule, History]>([
    ["lost", history().call().run()],
    ["late", history().call().run().answered({}, 2501)],
    ["answeredTwice", history().call().run().answered().answered()],
    [
      "wrongAnswer",
      history()
        .call()
        .run()
        .answered({ answer: answerTo("b") }),
    ],
    [
      "wrongAnswer",
      history()
        .call()
        .run()
        .answered({ answer: { id: "a", digest: "" } }),
    ],
    [
      "wrongAnswer",
      history()
        .call()
        .run()
        .answered({ answer: null as never }),
    ],
    [
      "ranTwice",
      history().call().run().run({ run: 2, attempt: 2, at: 1021 }, 1022).answered({ attempts: 2 }),
    ],
    [
      "tooManyAttempts",
      history()
        .call({ idempotent: true })
        .run()
        .run({ run: 2, attempt: 2, at: 1021 }, 1022)
        .run(third, 1042)
        .run({ run: 4, attempt: 4, at: 1051 }, 1052)
        .answered({ attempts: 4 }),
    ],
    [
      "attemptRanTwice",
      history().call({ idempotent: true }).run().run({ run: 2, at: 1021 }, 1022).answered({
        attempts: 2,
      }),
    ],
    ["understated", history().call().run().failed({ attempts: 0 })],
    ["notStartedRan", history().call().dieRunning().failed({ execution: "NOT_STARTED" })],
    ["finishedNeverRan", history().call().answered()],
    ["finishedNeverRan", history().call().dieRunning().failed({ execution: "FINISHED" })],
    ["overbooked", overbooked()],
    ["unasked", history().call().run().answered().run({ id: "b", at: 1021 }, 1022)],
  ])("%s", (rule, told) => {
    expect(told.broken()).toEqual([rule]);
  });
});

/** Two calls at a worker with one slot; the second starts before the first has ended. */
function overbooked(): History {
  const told = history().call().run().answered();
  told.call({ id: "b", client: "killed" });
  return told.run({ id: "b", requestId: "r2", run: 2, at: 1015 });
}

it("allows a client to submit an idempotent call again under the same id, up to the given limit", () => {
  const sentAgain = (idempotent: boolean): History =>
    history().call({ idempotent }).run().run({ run: 2, at: 1021 }, 1022).answered();
  expect(sentAgain(true).broken(2)).toEqual([]);
  expect(sentAgain(true).broken(1)).toEqual(["attemptRanTwice", "understated"]);
  expect(sentAgain(false).broken(2)).toEqual(["ranTwice", "attemptRanTwice", "understated"]);
  const often = sentAgain(true).run({ run: 3, at: 1031 }, 1032);
  expect(often.broken(2)).toEqual(["attemptRanTwice"]);
});
