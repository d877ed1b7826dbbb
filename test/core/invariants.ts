import { expect } from "vitest";
import type { HubCore } from "../../src/hub/core/hub-core.js";
import { fits } from "../../src/hub/core/matcher.js";

/** What must hold between any two events. */
export function checkState(core: HubCore): void {
  const { requests, sessions } = core;
  for (const session of sessions) {
    expect(session.state, "a gone worker stays nowhere").not.toBe("ended");
    const held = session.credit + session.inFlight.size;
    expect(held, "the slot ledger").toBeLessThanOrEqual(session.hello?.maxSlots ?? 0);
    for (const [id, job] of session.inFlight) {
      expect(job.id).toBe(id);
      const { state } = job.request;
      const current = typeof state === "object" && state.session === session;
      if (current) expect(state, "one job for a request").toBe(job);
    }
  }
  let bytes = 0;
  for (const request of requests.live) {
    expect(request.state, "nothing settled stays").not.toBe("settled");
    bytes += request.bytes;
    const { state, list } = request;
    if (state === "queued") expect(list, "a queued request stands in its queue").toBeDefined();
    if (typeof state !== "object") continue;
    expect(list, "a running request waits nowhere").toBeUndefined();
    expect(sessions.has(state.session), "a running request has a live worker").toBe(true);
    expect(state.session.inFlight.get(state.id)).toBe(state);
  }
  expect(requests.heldBytes).toBe(bytes);
  let queued = 0;
  let workerless = 0;
  for (const [name, method] of requests.queues.methods) {
    expect(
      method.queue.size + method.sessions.size,
      `the empty method ${name} stays`,
    ).toBeGreaterThan(0);
    queued += method.queue.size;
    if (method.sessions.size === 0) workerless += method.queue.size;
    for (const session of method.sessions) expect(sessions.has(session)).toBe(true);
    let last = 0;
    for (let request = method.queue.head; request; request = request.next) {
      expect(request.seq, "a queue is in order of arrival").toBeGreaterThan(last);
      last = request.seq;
    }
    for (let seat = method.idle.head; seat; seat = seat.next) {
      expect(seat.session.credit, "only a session with credit is idle").toBeGreaterThan(0);
    }
  }
  expect([requests.queues.queued, requests.queues.workerless]).toEqual([queued, workerless]);
}

/** What must hold right after a flush: nobody waits who need not. */
export function checkFlushed(core: HubCore, now: number): void {
  checkState(core);
  for (const method of core.requests.queues.methods.values()) {
    for (let request = method.queue.head; request; request = request.next) {
      expect(request.submission.deadlineAt, "a deadline that passed in the queue").toBeGreaterThan(
        now,
      );
      for (const session of method.sessions) {
        const possible = session.credit > 0 && fits(request, session);
        expect(possible, "free credit and a waiting request that fits").toBe(false);
      }
    }
  }
  expect(core.nextWake(), "what is due is done").toBeGreaterThan(now);
}
