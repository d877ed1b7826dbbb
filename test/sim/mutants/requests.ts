import type { Mutant } from "./mutant.js";

const scheduler = "hub/core/scheduler.ts";
const requests = "hub/core/requests.ts";
const fifo = "hub/core/fifo-queue.ts";
const queues = "hub/core/queues.ts";
const matcher = "hub/core/matcher.ts";

/** Faults in how requests wait, run again and end. */
export const requestMutants: readonly Mutant[] = [
  {
    name: "a request that comes wakes nobody",
    file: queues,
    find: "this.workerless += 1;\n    this.#touched.add(method);",
    replace: "this.workerless += 1;",
  },
  {
    name: "a ready wakes nobody",
    file: queues,
    find: "this.#eachWaiting(group, this.#touch);",
    replace: "",
  },
  {
    name: "what nobody called idempotent runs again",
    file: scheduler,
    find: "if (!(request.idempotent ?? declared ?? false)) {",
    replace: "if (request.idempotent === false) {",
  },
  {
    name: "the worker's word on idempotence beats the caller's",
    file: scheduler,
    find: "if (!(request.idempotent ?? declared ?? false)) {",
    replace: "if (!(declared || request.idempotent)) {",
  },
  {
    name: "attempts are not limited",
    file: scheduler,
    find: "if (request.attempts >= request.maxAttempts) {",
    replace: "if (request.attempts >= 1000) {",
  },
  {
    name: "refusals are not limited",
    file: scheduler,
    find: "if (request.refusals < MAX_REFUSALS)",
    replace: "if (request.refusals < 1000)",
  },
  {
    name: "who gave a request back gets it again at once",
    file: matcher,
    find: "return request.refusedBy?.get(session) !== session.readies;",
    replace: "return true;",
  },
  {
    name: "a deadline in the queue has no timer",
    file: scheduler,
    find: "Math.min(deadlineAt - MIN_TIME_LEFT_MS, waitUntil)",
    replace: "waitUntil",
  },
  {
    name: "a job is dispatched without time left",
    file: scheduler,
    find: "Math.min(deadlineAt - MIN_TIME_LEFT_MS, waitUntil)",
    replace: "Math.min(deadlineAt, waitUntil)",
  },
  {
    name: "run_timeout is ignored",
    file: scheduler,
    find: "Math.min(deadlineAt, endOf(job.startedAt, runTimeoutMs))",
    replace: "deadlineAt",
  },
  {
    name: "queue_timeout starts anew with a nack",
    file: scheduler,
    find: "request.refusals += 1;",
    replace: "request.refusals += 1;\n    request.requeuedAt = now;",
  },
  {
    name: "what was lost goes to the end of its queue",
    file: fifo,
    find: "while (next !== undefined && isServedBefore(next, request)) next = next.next;",
    replace: "next = undefined;",
  },
  {
    name: "the newest goes first",
    file: "hub/core/waiting-queue.ts",
    find: "return one.seq < other.seq;",
    replace: "return one.seq > other.seq;",
  },
  {
    name: "the oldest is dropped instead of the newest",
    file: scheduler,
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
    file: requests,
    find: "this.heldBytes -= request.bytes;",
    replace: "",
  },
  {
    name: "a settled request stays in a map",
    file: requests,
    find: "this.live.delete(request);",
    replace: "",
  },
  {
    name: "a request becomes another before its caller is told",
    file: "hub/engine.ts",
    find: "request.caller.settled(request, outcome);\n    this.#core.release(request);",
    replace:
      "const { caller } = request;\n    this.#core.release(request);\n    caller.settled(request, outcome);",
  },
  {
    name: "who was told cancels whom its request has become",
    file: "hub/unary-request.ts",
    find: "this.#request = undefined;",
    replace: "",
  },
  {
    name: "a request that becomes another has run already",
    file: "hub/core/request.ts",
    find: "    this.attempts = 0;\n    this.requeuedAt",
    replace: "    this.requeuedAt",
  },
  {
    name: "a request that becomes another keeps who refused it",
    file: "hub/core/request.ts",
    find: "    this.refusals = 0;\n    this.refusedBy = undefined;\n    this.lostBy",
    replace: "    this.lostBy",
  },
  {
    name: "a request that becomes another waits since before it came",
    file: "hub/core/request.ts",
    find: "    this.requeuedAt = undefined;\n    this.refusals",
    replace: "    this.refusals",
  },
  {
    name: "the payload of a settled request is kept",
    file: requests,
    find: 'request.payload = "";',
    replace: "",
  },
  {
    name: "what waits is not refused in a drain",
    file: scheduler,
    find: 'if (request.state === "queued") this.#refuseDraining(request, now);',
    replace: "",
  },
  {
    name: "UNAVAILABLE after a possible run",
    file: "hub/core/outcome.ts",
    find: 'code === "UNAVAILABLE" && mayHaveRun ? "ABORTED" : code',
    replace: "code",
  },
  {
    name: "NOT_STARTED after a lost attempt",
    file: "hub/core/outcome.ts",
    find: 'const execution = request.attempts > 1 ? "UNKNOWN" : "NOT_STARTED";',
    replace: 'const execution = "NOT_STARTED";',
  },
  {
    name: "no hint to stop",
    file: "wire/status.ts",
    find: 'reason === "DECLARED" ? undefined : "-1";',
    replace: 'reason === "DECLARED" ? undefined : undefined;',
  },
  {
    name: "a full socket is no drawback",
    file: matcher,
    find: "let drawback = session.congested ? 4 : 0;",
    replace: "let drawback = 0;",
  },
  {
    name: "who lost a request gets it again first",
    file: matcher,
    find: "if (request.lostBy === session.workerId) drawback += 2;",
    replace: "",
  },
  {
    name: "a worker with slots left is given one job after another",
    file: queues,
    find: "session.group.idle.remove(session);\n    this.#append(session, session.group);",
    replace: "",
  },
  {
    name: "the longest idle is looked for among the workers of one group",
    file: matcher,
    find: "if (least === 0 && best !== undefined && session.idleSeq > best.idleSeq) break;",
    replace: "if (least === 0) break;",
  },
  {
    name: "the longest idle of several groups is mistaken",
    file: matcher,
    find: "session.idleSeq > best.idleSeq) break;",
    replace: "session.idleSeq < best.idleSeq) break;",
  },
  {
    name: "workers that share one method share a group",
    file: "hub/core/worker-group.ts",
    find: "return JSON.stringify([...methods].sort());",
    replace: 'return [...methods].sort()[0] ?? "";',
  },
  {
    name: "a group stays when its last worker has left",
    file: queues,
    find: "if (group.sessions.size === 0) this.#disband(group, now);",
    replace: "",
  },
  {
    name: "a worker gets what it cannot receive",
    file: matcher,
    find: "return request.bytes <= (session.hello?.maxReceiveBytes ?? 0);",
    replace: "return session.hello !== undefined;",
  },
  {
    name: "the hints to try again are not spread",
    file: "hub/core/outcome.ts",
    find: "Math.round(ms * (0.5 + chance))",
    replace: "0",
  },
  {
    name: "unread answers do not count",
    file: requests,
    find: "return this.heldBytes + this.unread.bytes + this.#arrivingBytes;",
    replace: "return this.heldBytes + this.#arrivingBytes;",
  },
  {
    name: "a slow reader is served on",
    file: requests,
    find: "this.unread.of(peer) > maxUnreadBytes) {",
    replace: "this.unread.of(peer) < 0) {",
  },
];
