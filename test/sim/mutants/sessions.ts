import type { Mutant } from "./mutant.js";

/** Faults in how the hub handles its workers' streams. */
export const sessionMutants: readonly Mutant[] = [
  {
    name: "a slot is given back twice",
    at: "HubCore.#finish",
    find: "const job = session.finish(jobId);\n    if (job !== undefined) {",
    replace:
      "const job = session.finish(jobId);\n    if (job !== undefined) {\n      this.ready(session, 1, now);",
  },
  {
    name: "a job leaves its slot twice",
    at: "Session.finish",
    find: "this.slots.leave(job.slot);",
    replace: "this.slots.leave(job.slot);\n    this.slots.leave(job.slot);",
  },
  {
    name: "a cancelled job leaves its slot before it has ended",
    at: "HubCore.#cancelJob",
    find: "this.#timers.set(job, now + this.limits.cancelGraceMs);",
    replace:
      "this.#timers.set(job, now + this.limits.cancelGraceMs);\n    job.session.slots.leave(job.slot);",
  },
  {
    name: "a job takes no slot",
    at: "SlotLedger.take",
    find: "this.credit -= 1;\n    this.busy += 1;",
    replace: "this.busy += 1;",
  },
  {
    name: "a nack counts as ready",
    at: "HubCore.nack",
    find: 'if (execution === "NOT_STARTED") this.#scheduler.refused(request, session, now);',
    replace:
      'this.ready(session, 1, now);\n    if (execution === "NOT_STARTED") this.#scheduler.refused(request, session, now);',
  },
  {
    name: "a late terminal event counts",
    at: "Scheduler.settle",
    find: "else request.state.request = undefined;",
    replace: "",
  },
  {
    name: "a result of another session counts",
    at: "HubCore.#finish",
    find: "const job = session.finish(jobId);",
    replace:
      "const job = [session, ...this.sessions].find((one) => one.inFlight.has(jobId))?.finish(jobId);",
  },
  {
    name: "credit is not clamped",
    at: "SlotLedger.offer",
    find: "Math.min(count, this.capacity - this.credit - this.busy);",
    replace: "Math.min(count, this.capacity);",
  },
  {
    name: "credit is kept over a reconnect",
    at: "Sessions.welcome",
    find: "if (former !== undefined) this.end(former, now, sessionEnd.superseded());",
    replace:
      "session.slots.capacity = hello.maxSlots;\n    session.slots.offer(former?.credit ?? 0);\n    if (former !== undefined) this.end(former, now, sessionEnd.superseded());",
  },
  {
    name: "a half-open predecessor is not superseded",
    at: "Sessions.welcome",
    find: "if (former !== undefined) this.end(former, now, sessionEnd.superseded());",
    replace: "",
  },
  {
    name: "ready counts after a drain",
    at: "HubCore.ready",
    find: 'if (session.state !== "serving") return;\n    this.dropped',
    replace: 'if (session.state === "ended") return;\n    this.dropped',
  },
  {
    name: "a drained session does not end",
    at: "HubCore.#finish",
    find: "if (session.isDrained) this.workers.end(session, now, undefined);",
    replace: "",
  },
  {
    name: "one worker too many is taken",
    at: "Sessions.add",
    find: "if (this.open.size > this.#limits.maxWorkers) {",
    replace: "if (this.open.size > this.#limits.maxWorkers + 1) {",
  },
  {
    name: "the timer of a job outlives it",
    at: "HubCore.#finish",
    find: "this.#timers.remove(job);\n      if (session",
    replace: "if (session",
  },
  {
    name: "the worker is not told of a cancel",
    at: "HubCore.#cancelJob",
    find: 'this.#emit({ kind: "cancel", session: job.session, jobId: job.id, reason });',
    replace: "",
  },
  {
    name: "the cancel grace is not enforced",
    at: "HubCore.#cancelJob",
    find: "this.#timers.set(job, now + this.limits.cancelGraceMs);",
    replace: "",
  },
  {
    name: "the hub's own stall is held against workers",
    at: "HubCore.flush",
    find: "this.#forgiveStall(now);",
    replace: "",
  },
  {
    name: "a worker that cannot send is judged by its silence",
    at: "Session.isJudged",
    find: "return this.inFlight.size === 0 || this.hello?.beatsWhileBusy === true;",
    replace: "return true;",
  },
  {
    name: "a silent worker is lost too late",
    at: "nextCheckAt",
    find: "return session.isJudged ? Math.min(ask, lostAt(session, limits)) : ask;",
    replace: "return ask;",
  },
  {
    name: "the heap is not restored after a removal",
    at: "TimerHeap.remove",
    find: "if (last !== item) this.#settle(last,",
    replace: "if (last !== item) this.#put(last,",
  },
  {
    name: "an earlier wake is missed",
    at: "Engine.#sleep",
    find: "if (this.#timer !== undefined && this.#timer.at <= wakeAt) return;",
    replace: "if (this.#timer !== undefined) return;",
  },
  {
    name: "the time left is not sent",
    at: "toHubEvent",
    find: "timeoutMs: hasLimit ? Math.min(Math.ceil(timeLeftMs), MAX_TIMEOUT_MS) : undefined,",
    replace: "",
  },
  {
    name: "what came before a violation is lost",
    at: "WorkStream.onMessage",
    find: "for (const event of events) tellWorkerEvent(event, core, session, maxSlots, now);",
    replace: `if (events.some(({ event }) => event.case === "ready" && event.value.slots < 1)) {
        return core.violation(session, "ready with zero slots", now);
      }
      for (const event of events) tellWorkerEvent(event, core, session, maxSlots, now);`,
  },
  {
    name: "a broken connection is not told to the core",
    at: "WorkStream.onClose",
    find: "this.#context.engine.lost(this.#session);",
    replace: "",
  },
  {
    name: "a crash loop is not held back",
    at: "Sessions.#suspect",
    find: "session.isHeldBack = true;",
    replace: "",
  },
  {
    name: "a worker that returns in a crash loop is not held back",
    at: "Sessions.welcome",
    find: "session.isHeldBack = this.#crashLoops.isHeldBack(hello.workerId);",
    replace: "",
  },
  {
    name: "a worker held back is never released",
    at: "Sessions.expire",
    find: "session.isHeldBack = false;\n      if (session.credit > 0) this.#queues.offer(session);",
    replace: "",
  },
  {
    name: "an answer that is never read is kept",
    at: "HubCore.#fire",
    find: 'this.#emit({ kind: "abandon", response: due });',
    replace: "",
  },
  {
    name: "an answer that was read still counts",
    at: "HubCore.sent",
    find: "this.#timers.remove(response);\n    this.requests.unread.remove(response);",
    replace: "this.#timers.remove(response);",
  },
];
