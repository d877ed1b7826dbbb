import assert from "node:assert/strict";
import type { Effect } from "../../src/hub/core/effect.js";
import type { HubCore } from "../../src/hub/core/hub-core.js";
import { fits } from "../../src/hub/core/matching/matcher.js";
import type { Method } from "../../src/hub/core/matching/method.js";
import type { Queues } from "../../src/hub/core/matching/queues.js";
import type { Request } from "../../src/hub/core/requests/request.js";
import { Job, type Session } from "../../src/hub/core/workers/session.js";
import type { Slot } from "../../src/hub/core/workers/slots.js";

/**
 * Checks what must hold between any two events; throws an AssertionError if it does not. Cheap,
 * because it runs very often.
 */
export function checkState(core: HubCore): void {
  checkSessions(core);
  checkRequests(core);
  checkMethods(core);
}

function checkSessions({ sessions }: HubCore): void {
  for (const session of sessions) {
    assert(session.state !== "ended", "no ended session is kept");
    assert(
      session.state === "serving" || session.credit === 0,
      "only serving sessions have credit",
    );
    const jobs = session.inFlight.entries();
    for (const [id, job] of jobs) {
      assert(job.id === id && job.session === session, "a job is stored under its id");
      if (job.request !== undefined) assert(job.request.state === job, "one job per request");
    }
    checkSlots(
      session,
      jobs.map(([, job]) => job.slot),
    );
  }
}

/** `taken` are the slots of the jobs in flight. */
function checkSlots({ slots, hello }: Session, taken: readonly Slot[]): void {
  const { capacity, credit, busy } = slots;
  assert(capacity === (hello?.maxSlots ?? 0), "the capacity its worker declared");
  assert(credit >= 0 && credit + busy <= capacity, "the slot ledger");
  const busyOnes = new Set(taken);
  assert(busyOnes.size === busy, "busy slots are those with jobs");
  for (const slot of busyOnes) {
    const jobs = taken.filter((one) => one === slot).length;
    assert(slot.jobs === jobs, "a slot counts its jobs");
  }
  let free = 0;
  for (let slot = slots.free; slot; slot = slot.nextFree) {
    assert(slot.jobs === 0 && !busyOnes.has(slot), "a free slot has no jobs");
    free += 1;
    assert(free + busy <= capacity, "no more slots than the capacity");
  }
}

function checkRequests({ requests, sessions }: HubCore): void {
  let bytes = 0;
  let size = 0;
  for (const request of requests.live) {
    const { state, list, seq } = request;
    size += 1;
    assert(requests.live.get(seq) === request, "a live request is found by its ticket");
    assert(state !== "settled", "no settled request is kept");
    bytes += request.bytes;
    if (state === "queued") {
      assert(list !== undefined, "a queued request is in its queue");
      continue;
    }
    assert(list === undefined, "a running request is in no queue");
    assert(state instanceof Job, "a running request has a job");
    assert(sessions.has(state.session), "a running request has a live worker");
    assert(state.session.inFlight.get(state.id) === state, "a running request is in the ledger");
  }
  assert(requests.live.size === size, "the count of live requests");
  assert(requests.heldBytes === bytes, "the bytes held are those of live requests");
}

function checkMethods({ queues, sessions }: HubCore): void {
  let queued = 0;
  let workerless = 0;
  let listed = 0;
  for (const method of queues.methods.values()) {
    const { queue, groups } = method;
    assert(queue.size + groups.length > 0, "no empty method is kept");
    assert(queue.size === 0 || method.list !== undefined, "a method with a queue is listed");
    assert(new Set(groups).size === groups.length, "a method lists a group once");
    for (const group of groups) {
      assert(queues.groups.get(group.key) === group, "no disbanded group serves");
      assert(group.methods.has(method.name), "a group serves what its workers serve");
    }
    queued += queue.size;
    if (method.list === queues.waiting) listed += 1;
    if (groups.length === 0) workerless += queue.size;
    let last = 0;
    for (const request of waitingFor(method)) {
      assert(request.seq > last, "a queue is in order of arrival");
      last = request.seq;
    }
  }
  assert(queues.queued === queued, "the count of waiting requests");
  assert(queues.workerless === workerless, "the count of requests without a worker");
  assert(queues.waiting.size === listed, "no deleted method is listed");
  checkGroups(queues, sessions);
}

function checkGroups({ groups, methods }: Queues, sessions: ReadonlySet<Session>): void {
  let members = 0;
  for (const group of groups.values()) {
    assert(group.sessions.size > 0, "no empty group is kept");
    for (const name of group.methods) {
      assert(methods.get(name)?.groups.includes(group), "a method knows its groups");
    }
    let idle = 0;
    for (const session of group.sessions) {
      assert(session.group === group && sessions.has(session), "no ended session serves");
      assert(session.hello?.methods.size === group.methods.size, "the same set of methods");
      for (const name of session.hello.methods.keys()) {
        assert(group.methods.has(name), "the same set of methods");
      }
      const isIdle = session.credit > 0 && !session.isHeldBack;
      assert((session.list === group.idle) === isIdle, "an idle session is in its group's list");
      if (isIdle) idle += 1;
    }
    assert(group.idle.size === idle, "no other session is in the list");
    let last = 0;
    for (let session = group.idle.head; session; session = session.next) {
      assert(session.idleSeq > last, "the longest idle comes first");
      last = session.idleSeq;
    }
    members += group.sessions.size;
  }
  const serving = [...sessions].filter(({ state }) => state === "serving");
  assert(members === serving.length, "a serving session is in one group");
}

/** Checks what must hold right after a flush: no request waits needlessly. */
export function checkFlushed(core: HubCore, now: number): void {
  checkState(core);
  for (const method of core.queues.methods.values()) {
    for (const request of waitingFor(method)) {
      assert(request.deadlineAt > now, "no deadline has passed in the queue");
      for (const { sessions } of method.groups) {
        for (const session of sessions) {
          const possible = session.credit > 0 && fits(request, session);
          assert(!possible, "no credit is left while a fitting request waits");
        }
      }
    }
  }
  assert(core.nextWake() > now, "what is due is done");
}

function* waitingFor({ queue }: Method): Generator<Request> {
  for (let request = queue.head; request; request = queue.after(request)) yield request;
}

/**
 * An independent record of the order in which sessions became idle. The core must give a request to
 * the session that has been idle longest, unless there is a reason not to.
 */
export class IdleOrder {
  readonly #core: HubCore;
  /**
   * When each session became idle: the number of the event or dispatch. Sessions whose holds end in
   * one flush share a number, since only the core knows which ended first.
   */
  readonly #idleSince = new Map<Session, number>();
  #count = 0;

  constructor(core: HubCore) {
    this.#core = core;
  }

  /** Must be called after each event. */
  update(): void {
    this.#admit((session) => session.credit > 0);
  }

  /** Checks the effects of a flush. */
  checkDispatches(effects: readonly Effect[]): void {
    const credit = new Map<Session, number>();
    for (const effect of effects) {
      if (effect.kind !== "job") continue;
      const { session } = effect;
      credit.set(session, (credit.get(session) ?? session.credit) + 1);
    }
    // The core admits sessions whose hold has ended before it matches anything.
    this.#admit((session) => (credit.get(session) ?? session.credit) > 0);
    for (const effect of effects) {
      if (effect.kind !== "job") continue;
      const { session, request } = effect;
      // Other drawbacks are checked elsewhere.
      const isPlain = request.lostBy === undefined;
      assert(!isPlain || !this.#isPassedOver(session, request), "the longest idle worker");
      const left = (credit.get(session) ?? 0) - 1;
      credit.set(session, left);
      if (left > 0) this.#idleSince.set(session, ++this.#count);
      else this.#idleSince.delete(session);
    }
  }

  /** Whether a session that could take the request has been idle longer than the chosen one. */
  #isPassedOver(chosen: Session, request: Request): boolean {
    const since = this.#idleSince.get(chosen) ?? Number.POSITIVE_INFINITY;
    for (const [other, otherSince] of this.#idleSince) {
      if (otherSince < since && !other.congested && serves(other, request) && fits(request, other))
        return true;
    }
    return false;
  }

  #admit(hasCredit: (session: Session) => boolean): void {
    this.#count += 1;
    for (const session of this.#core.sessions) {
      const isIdle = session.state === "serving" && !session.isHeldBack && hasCredit(session);
      if (!isIdle) this.#idleSince.delete(session);
      else if (!this.#idleSince.has(session)) this.#idleSince.set(session, this.#count);
    }
    for (const session of this.#idleSince.keys()) {
      if (session.state === "ended") this.#idleSince.delete(session);
    }
  }
}

function serves(session: Session, request: Request): boolean {
  return session.hello?.methods.has(request.method) ?? false;
}
