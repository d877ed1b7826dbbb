import type { Mutant } from "./mutant.js";

/** Faults in how requests wait, are rerun, and end. */
export const requestMutants: readonly Mutant[] = [
  {
    name: "an arriving request wakes nothing",
    at: "Queues.insert",
    find: "this.workerless += 1;\n    this.#touched.add(method);",
    replace: "this.workerless += 1;",
  },
  {
    name: "a ready wakes nothing",
    at: "Queues.offer",
    find: "this.#eachWaiting(group, this.#touch);",
    replace: "",
  },
  {
    name: "a request not declared idempotent runs again",
    at: "Scheduler.lost",
    find: "if (!(request.idempotent ?? declared ?? false)) {",
    replace: "if (request.idempotent === false) {",
  },
  {
    name: "the worker's word on idempotence beats the caller's",
    at: "Scheduler.lost",
    find: "if (!(request.idempotent ?? declared ?? false)) {",
    replace: "if (!(declared || request.idempotent)) {",
  },
  {
    name: "attempts are not limited",
    at: "Scheduler.lost",
    find: "if (request.attempts >= request.maxAttempts) {",
    replace: "if (request.attempts >= 1000) {",
  },
  {
    name: "refusals are not limited",
    at: "Scheduler.refused",
    find: "if (request.refusals < MAX_REFUSALS)",
    replace: "if (request.refusals < 1000)",
  },
  {
    name: "the worker that gave a request back gets it again at once",
    at: "fits",
    find: "return request.refusedBy?.get(session.id) !== session.readies;",
    replace: "return true;",
  },
  {
    name: "a deadline in the queue has no timer",
    at: "Scheduler.#enqueue",
    find: "Math.min(deadlineAt - MIN_TIME_LEFT_MS, waitUntil)",
    replace: "waitUntil",
  },
  {
    name: "a job is dispatched without time left",
    at: "Scheduler.#enqueue",
    find: "Math.min(deadlineAt - MIN_TIME_LEFT_MS, waitUntil)",
    replace: "Math.min(deadlineAt, waitUntil)",
  },
  {
    name: "run_timeout is ignored",
    at: "Scheduler.#start",
    find: "Math.min(deadlineAt, endOf(job.startedAt, runTimeoutMs))",
    replace: "deadlineAt",
  },
  {
    name: "queue_timeout starts anew with a nack",
    at: "Scheduler.refused",
    find: "request.refusals += 1;",
    replace: "request.refusals += 1;\n    request.requeuedAt = now;",
  },
  {
    name: "a lost request goes to the end of its queue",
    at: "FifoQueue.insert",
    find: "while (next !== undefined && isServedBefore(next, request)) next = next.next;",
    replace: "next = undefined;",
  },
  {
    name: "the newest goes first",
    at: "isServedBefore",
    find: "return one.seq < other.seq;",
    replace: "return one.seq > other.seq;",
  },
  {
    name: "the oldest is dropped instead of the newest",
    at: "Scheduler.submit",
    find: "else this.fail(request, ...refusal, now);",
    replace: `else {
      const oldest = [...this.#requests.live].find((one) => one.list !== undefined);
      if (oldest === undefined || refusal[0] !== "QUEUE_FULL") this.fail(request, ...refusal, now);
      else {
        this.fail(oldest, ...refusal, now);
        this.#enqueue(request, now);
      }
    }`,
  },
  {
    name: "bytes held leak",
    at: "Requests.settle",
    find: "this.heldBytes -= request.bytes;",
    replace: "",
  },
  {
    name: "a settled request stays in a map",
    at: "Requests.settle",
    find: "this.live.delete(request);",
    replace: "",
  },
  {
    name: "a request becomes another before its caller is told",
    at: "Engine.#settle",
    find: "request.caller.settled(request.callId, request.requestId, outcome);\n    this.#core.release(request);",
    replace:
      "const { caller } = request;\n    this.#core.release(request);\n    caller.settled(request.callId, request.requestId, outcome);",
  },
  {
    name: "a caller that was told cancels the request that took its place",
    at: "SequenceTable.get",
    find: "return item?.seq === seq ? item : undefined;",
    replace: "return item;",
  },
  {
    name: "a request that becomes another has run already",
    at: "Request.clear",
    find: "this.attempts = 0;\n    this.requeuedAt",
    replace: "this.requeuedAt",
  },
  {
    name: "a request that becomes another keeps the workers that refused it",
    at: "Request.clear",
    find: `this.refusals = 0;
    this.refusedBy = undefined;
    this.lostBy`,
    replace: "this.lostBy",
  },
  {
    name: "a request that becomes another waits since before it came",
    at: "Request.clear",
    find: "this.requeuedAt = undefined;\n    this.refusals",
    replace: "this.refusals",
  },
  {
    name: "the payload of a settled request is kept",
    at: "Requests.settle",
    find: 'request.payload = "";',
    replace: "",
  },
  {
    name: "waiting requests are not refused in a drain",
    at: "Scheduler.drain",
    find: 'if (request.state === "queued") this.#refuseDraining(request, now);',
    replace: "",
  },
  {
    name: "UNAVAILABLE after a possible run",
    at: "hubFailure",
    find: 'code === "UNAVAILABLE" && mayHaveRun ? "ABORTED" : code',
    replace: "code",
  },
  {
    name: "NOT_STARTED after a lost attempt",
    at: "workerFailure",
    find: 'const execution = request.attempts > 1 ? "UNKNOWN" : "NOT_STARTED";',
    replace: 'const execution = "NOT_STARTED";',
  },
  {
    name: "what no handler has thrown is blamed on the deadline",
    at: "HubCore.result",
    find: "if (isOver && isThrown(checked.failure))",
    replace: "if (isOver)",
  },
  {
    name: "no hint to stop",
    at: "pushbackOf",
    find: 'reason === "DECLARED" ? undefined : "-1";',
    replace: 'reason === "DECLARED" ? undefined : undefined;',
  },
  {
    name: "a full socket is not a drawback",
    at: "drawbackOf",
    find: "let drawback = session.congested ? 4 : 0;",
    replace: "let drawback = 0;",
  },
  {
    name: "the worker that lost a request gets it again first",
    at: "drawbackOf",
    find: "if (request.lostBy === session.workerId) drawback += 2;",
    replace: "",
  },
  {
    name: "a worker with slots left is given one job after another",
    at: "Queues.rotate",
    find: "session.group.idle.remove(session);\n    this.#append(session, session.group);",
    replace: "",
  },
  {
    name: "the longest idle is looked for among the workers of one group",
    at: "pick",
    find: "if (least === 0 && best !== undefined && session.idleSeq > best.idleSeq) break;",
    replace: "if (least === 0) break;",
  },
  {
    name: "the longest idle of several groups is chosen wrongly",
    at: "pick",
    find: "session.idleSeq > best.idleSeq) break;",
    replace: "session.idleSeq < best.idleSeq) break;",
  },
  {
    name: "workers that share one method share a group",
    at: "groupKey",
    find: "return JSON.stringify([...methods].sort());",
    replace: 'return [...methods].sort()[0] ?? "";',
  },
  {
    name: "a group stays when its last worker has left",
    at: "Queues.leave",
    find: "if (group.sessions.size === 0) this.#disband(group, now);",
    replace: "",
  },
  {
    name: "a worker gets what it cannot receive",
    at: "canReceive",
    find: "return request.bytes <= (session.hello?.maxReceiveBytes ?? 0);",
    replace: "return session.hello !== undefined;",
  },
  {
    name: "the hints to try again are not spread",
    at: "spread",
    find: "Math.round(ms * (0.5 + chance))",
    replace: "0",
  },
  {
    name: "unread answers do not count",
    at: "Requests.#allBytes",
    find: "return this.heldBytes + this.unread.bytes + this.#arrivingBytes;",
    replace: "return this.heldBytes + this.#arrivingBytes;",
  },
  {
    name: "a slow reader is still served",
    at: "Requests.refusal",
    find: "this.unread.of(peer) > maxUnreadBytes) {",
    replace: "this.unread.of(peer) < 0) {",
  },
];
