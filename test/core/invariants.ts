import assert from "node:assert/strict";
import type { HubCore } from "../../src/hub/core/hub-core.js";
import { fits } from "../../src/hub/core/matcher.js";

/** What must hold between any two events. Throws an AssertionError; cheap, for it runs very often. */
export function checkState(core: HubCore): void {
  checkSessions(core);
  checkRequests(core);
  checkMethods(core);
}

function checkSessions({ sessions }: HubCore): void {
  for (const session of sessions) {
    assert(session.state !== "ended", "a gone worker stays nowhere");
    assert(session.state === "serving" || session.credit === 0, "only who serves has credit");
    const held = session.credit + session.inFlight.size;
    assert(held <= (session.hello?.maxSlots ?? 0), "the slot ledger");
    for (const [id, job] of session.inFlight.entries()) {
      assert(job.id === id, "a job stands under its id");
      if (job.request !== undefined) assert(job.request.state === job, "one job for a request");
    }
  }
}

function checkRequests({ requests, sessions }: HubCore): void {
  let bytes = 0;
  let size = 0;
  for (const request of requests.live) {
    const { state, list, seq } = request;
    size += 1;
    assert(requests.live.get(seq) === request, "a live request is found by its ticket");
    assert(state !== "settled", "nothing settled stays");
    bytes += request.bytes;
    if (state === "queued") {
      assert(list !== undefined, "a queued request stands in its queue");
      continue;
    }
    assert(list === undefined, "a running request waits nowhere");
    assert(sessions.has(state.session), "a running request has a live worker");
    assert(state.session.inFlight.get(state.id) === state, "a running request is in the ledger");
  }
  assert(requests.live.size === size, "the count of live requests");
  assert(requests.heldBytes === bytes, "the bytes held are those of live requests");
}

function checkMethods({ requests, sessions }: HubCore): void {
  let queued = 0;
  let workerless = 0;
  for (const method of requests.queues.methods.values()) {
    assert(method.queue.size + method.sessions.size > 0, "an empty method stays");
    queued += method.queue.size;
    if (method.sessions.size === 0) workerless += method.queue.size;
    for (const session of method.sessions) assert(sessions.has(session), "a gone session serves");
    let last = 0;
    for (let request = method.queue.head; request; request = request.next) {
      assert(request.seq > last, "a queue is in order of arrival");
      last = request.seq;
    }
    for (let seat = method.idle.head; seat; seat = seat.next) {
      assert(seat.session.credit > 0, "only a session with credit is idle");
    }
  }
  assert(requests.queues.queued === queued, "the count of those who wait");
  assert(requests.queues.workerless === workerless, "the count of those without a worker");
}

/** What must hold right after a flush: nobody waits who need not. */
export function checkFlushed(core: HubCore, now: number): void {
  checkState(core);
  for (const method of core.requests.queues.methods.values()) {
    for (let request = method.queue.head; request; request = request.next) {
      assert(request.deadlineAt > now, "a deadline that passed in the queue");
      for (const session of method.sessions) {
        const possible = session.credit > 0 && fits(request, session);
        assert(!possible, "free credit and a waiting request that fits");
      }
    }
  }
  assert(core.nextWake() > now, "what is due is done");
}
