import type { Mutant } from "./mutant.js";

const book = "hub/core/request-book.ts";
const queues = "hub/core/queues.ts";
const matcher = "hub/core/matcher.ts";

/** Faults in how requests wait, run again and end. */
export const requestMutants: readonly Mutant[] = [
  {
    name: "a request that comes wakes nobody",
    file: queues,
    find: "this.queued += 1;\n    this.#touched.add(method);",
    replace: "this.queued += 1;",
  },
  {
    name: "a ready wakes nobody",
    file: queues,
    find: "seat.method.idle.insert(seat);\n      this.#touched.add(seat.method);\n    }\n  }\n\n  /** Puts",
    replace: "seat.method.idle.insert(seat);\n    }\n  }\n\n  /** Puts",
  },
  {
    name: "what nobody called idempotent runs again",
    file: book,
    find: "if (!(request.idempotent ?? declared ?? false)) {",
    replace: "if (request.idempotent === false) {",
  },
  {
    name: "the worker's word on idempotence beats the caller's",
    file: book,
    find: "if (!(request.idempotent ?? declared ?? false)) {",
    replace: "if (!(declared || request.idempotent)) {",
  },
  {
    name: "attempts are not limited",
    file: book,
    find: "if (request.attempts >= request.maxAttempts) {",
    replace: "if (request.attempts >= 1000) {",
  },
  {
    name: "refusals are not limited",
    file: book,
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
    file: book,
    find: "Math.min(deadlineAt - MIN_TIME_LEFT_MS, waitUntil)",
    replace: "waitUntil",
  },
  {
    name: "a job is dispatched without time left",
    file: book,
    find: "Math.min(deadlineAt - MIN_TIME_LEFT_MS, waitUntil)",
    replace: "Math.min(deadlineAt, waitUntil)",
  },
  {
    name: "run_timeout is ignored",
    file: book,
    find: "Math.min(deadlineAt, endOf(job.startedAt, runTimeoutMs))",
    replace: "deadlineAt",
  },
  {
    name: "queue_timeout starts anew with a nack",
    file: book,
    find: "request.refusals += 1;",
    replace: "request.refusals += 1;\n    request.requeuedAt = now;",
  },
  {
    name: "what was lost goes to the end of its queue",
    file: queues,
    find: "while (next !== undefined && next.seq < request.seq) next = next.next;",
    replace: "next = undefined;",
  },
  {
    name: "the newest goes first",
    file: matcher,
    find: "({ method, next: method.queue.head })",
    replace: "({ method, next: method.queue.tail })",
  },
  {
    name: "the oldest is dropped instead of the newest",
    file: book,
    find: "else this.fail(request, ...refusal, now);",
    replace: `else {
      const oldest = [...this.live].find((one) => one.list !== undefined);
      if (oldest === undefined || refusal[0] !== "QUEUE_FULL") this.fail(request, ...refusal, now);
      else {
        this.fail(oldest, ...refusal, now);
        this.#enqueue(request, now);
      }
    }`,
  },
  {
    name: "bytes held leak",
    file: book,
    find: "this.heldBytes -= request.bytes;",
    replace: "",
  },
  {
    name: "a settled request stays in a map",
    file: book,
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
    file: book,
    find: 'request.payload = "";',
    replace: "",
  },
  {
    name: "what waits is not refused in a drain",
    file: book,
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
    name: "what no handler has thrown is blamed on the deadline",
    file: "hub/core/hub-core.ts",
    find: "if (isOver && isThrown(checked.failure))",
    replace: "if (isOver)",
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
    file: book,
    find: "return this.heldBytes + this.unread.bytes + this.#arrivingBytes;",
    replace: "return this.heldBytes + this.#arrivingBytes;",
  },
  {
    name: "a slow reader is served on",
    file: book,
    find: "this.unread.of(peer) > maxUnreadBytes) {",
    replace: "this.unread.of(peer) < 0) {",
  },
];
