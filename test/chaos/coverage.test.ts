import { expect, it } from "vitest";
import { callersCoverage, coverage } from "./coverage.js";
import type { Notes } from "./journal.js";
import { answerTo } from "./task.js";

/**
 * One client with two calls: the first ran in a process that hosts two workers, the second was
 * cancelled in the queue.
 */
const notes: Notes = {
  call: [
    { kind: "call", at: 10, id: "a", client: "client-1", idempotent: true, timeoutMs: 1000 },
    { kind: "call", at: 20, id: "b", client: "client-1", idempotent: true, timeoutMs: 1000 },
  ],
  outcome: [
    {
      kind: "outcome",
      at: 50,
      id: "a",
      outcome: { ok: true, answer: answerTo("a"), requestId: "r", attempts: 1 },
    },
    {
      kind: "outcome",
      at: 30,
      id: "b",
      outcome: {
        ok: false,
        code: "CANCELLED",
        reason: "CLIENT_CANCELLED",
        execution: "NOT_STARTED",
        attempts: 0,
        requestId: undefined,
        retryAfterMs: undefined,
        message: "",
      },
    },
  ],
  finished: [],
  worker: [{ kind: "worker", at: 0, worker: "pool-1/1", host: "pool-1", slots: 1, pid: 1 }],
  start: [
    { kind: "start", at: 15, id: "a", worker: "pool-1/1", run: 1, requestId: "r", attempt: 1 },
  ],
  end: [{ kind: "end", at: 40, id: "a", worker: "pool-1/1", run: 1, requestId: "r", attempt: 1 }],
  hub: [],
};

it("counts what was in flight at the target when a fault hit", () => {
  const strikes = [
    { kind: "at the process", at: 15, target: "pool-1" },
    { kind: "at the process", at: 40, target: "pool-1" },
    { kind: "at the worker", at: 39, target: "pool-1/1" },
    { kind: "at another", at: 20, target: "pool-2" },
    { kind: "at the client", at: 25, target: "client-1" },
    { kind: "at the hub", at: 35, target: "hub" },
  ];
  expect(coverage(strikes, notes)).toEqual({
    "at the process": { hits: 2, hitsWithWork: 1, requestsInFlight: 1 },
    "at the worker": { hits: 1, hitsWithWork: 1, requestsInFlight: 1 },
    "at another": { hits: 1, hitsWithWork: 0, requestsInFlight: 0 },
    "at the client": { hits: 1, hitsWithWork: 1, requestsInFlight: 2 },
    "at the hub": { hits: 1, hitsWithWork: 1, requestsInFlight: 1 },
  });
});

it("counts what callers did to their calls", () => {
  expect(callersCoverage(notes, 100)).toEqual({
    "caller: cancels": { hits: 1, hitsWithWork: 0, requestsInFlight: 0 },
    "caller: short deadline": { hits: 0, hitsWithWork: 0, requestsInFlight: 0 },
  });
});
