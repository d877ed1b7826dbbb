import type { Mutant } from "./mutant.js";

const stream = "hub/multiplex-stream.ts";
const callStream = "client/call-stream.ts";
const retry = "client/retry.ts";

/** Faults in how the hub deals with the Multiplex streams of its clients. */
export const multiplexMutants: readonly Mutant[] = [
  {
    name: "a second open id is taken",
    file: stream,

    find: "if (this.#open.has(id)) return",
    replace: "if (id < 0) return",
  },
  {
    name: "the calls of a broken stream go on",
    file: stream,
    find: "for (const request of this.#open.values()) {",
    replace: "for (const request of [] as Request[]) {",
  },
  {
    name: "a client is not told of a drain",
    file: stream,
    find: 'this.#push({ id: 0, item: { case: "drain", value: {} } });',
    replace: "",
  },
  {
    name: "a draining hub takes new streams",
    file: stream,
    find: "if (!context.isDraining())",
    replace: "if (true)",
  },
  {
    name: "a client that does not read is read on",
    file: stream,
    find: "if (isFull) this.#call.pause();",
    replace: "",
  },
  {
    name: "a client that reads again is not read again",
    file: stream,
    find: "this.#call.resume();",
    replace: "",
  },
  {
    name: "a client that never reads keeps its stream",
    file: stream,
    find: "() => this.#end(slowReader())",
    replace: "() => {}",
  },
  {
    name: "a message that was taken counts as unread",
    file: stream,
    find: "engine.sent(answer);\n      this.#untaken.delete(answer);",
    replace: "this.#untaken.delete(answer);",
  },
  {
    name: "what a broken stream has not read counts on",
    file: stream,
    find: "for (const answer of this.#untaken.takeAll()) engine.sent(answer);",
    replace: "",
  },
  {
    name: "unread messages that are due together count out twice",
    file: "hub/core/unread.ts",
    find: "if (!answer.isUnread) return;",
    replace: "",
  },
  {
    name: "a slow reader's stream ends before the jobs decided with it are written",
    file: "hub/engine.ts",
    find: 'else if (effect.kind !== "abandon") this.#perform(effect);',
    replace:
      'else if (effect.kind === "abandon") effect.answer.onAbandoned();\n      else this.#perform(effect);',
  },
  {
    name: "one call too many is open",
    file: stream,
    find: "if (this.#open.size >= limits.maxOpenCalls) {",
    replace: "if (this.#open.size > limits.maxOpenCalls) {",
  },
  {
    name: "a flood of refused calls does not end its stream",
    file: stream,
    find: "this.#refused += 1;",
    replace: "",
  },
  {
    name: "a cancel is not passed on",
    file: stream,
    find: "return this.#context.engine.tell((core, now) => core.cancel(request, now));",
    replace: "return;",
  },
  {
    name: "a half-closed stream does not end",
    file: stream,
    find: 'if (this.#state === "half-closed" && this.#open.size === 0) this.#end(undefined);',
    replace: "",
  },
  {
    name: "a half-closed stream ends with calls open",
    file: stream,
    find: 'if (this.#state === "half-closed" && this.#open.size === 0) this.#end(undefined);',
    replace: 'if (this.#state === "half-closed") this.#end(undefined);',
  },
  {
    name: "an answered call stays open",
    file: stream,
    find: "this.#open.delete(id);",
    replace: "",
  },
  {
    name: "an answer goes to the oldest open call",
    file: stream,
    find: 'this.#push({ id, item: { case: "response"',
    replace: 'this.#push({ id: [...this.#open.keys()][0] ?? id, item: { case: "response"',
  },
  {
    name: "what does not decode is passed over",
    file: stream,
    find: "return this.#end(violation(`not a MultiplexRequest:",
    replace: "return void (violation(`not a MultiplexRequest:",
  },
];

/** Faults of a client on Multiplex. */
export const clientMutants: readonly Mutant[] = [
  {
    name: "the id after the largest is zero",
    file: callStream,
    find: "this.#lastId === MAX_ID ? 1 : this.#lastId + 1",
    replace: "this.#lastId === MAX_ID ? 0 : this.#lastId + 1",
  },
  {
    name: "the hub is not told that a caller has gone",
    file: callStream,
    find: "this.#outbox.push(id);\n    this.#flushLater();\n  }\n\n  #flushLater",
    replace: "}\n\n  #flushLater",
  },
  {
    name: "a stream that leaves takes new calls",
    file: callStream,
    find: 'if (this.#state !== "opening" && this.#state !== "open") return false;',
    replace: "",
  },
  {
    name: "a stream that leaves closes before its last call",
    file: callStream,
    find: "if (this.#calls.size === 0) this.#grpc.end();",
    replace: "this.#grpc.end();",
  },
  {
    name: "a lost call that was written has not run",
    file: callStream,
    find: "streamBroke(pending.requestId, pending.written, error)",
    replace: "streamBroke(pending.requestId, false, error)",
  },
  {
    name: "a lost call that was not written may have run",
    file: callStream,
    find: "streamBroke(pending.requestId, pending.written, error)",
    replace: "streamBroke(pending.requestId, true, error)",
  },
  {
    name: "a call that was given up has not run",
    file: "client/pending-call.ts",
    find: 'const execution = this.written ? "UNKNOWN" : "NOT_STARTED";',
    replace: 'const execution = "NOT_STARTED";',
  },
  {
    name: "a call that was given up before is sent",
    file: "client/connected-transport.ts",
    find: "if (!pending.isSettled) this.start(pending);",
    replace: "this.start(pending);",
  },
  {
    name: "a full socket is written to",
    file: callStream,
    find: "if (!this.#grpc.write(message)) this.#isFull = true;",
    replace: "this.#grpc.write(message);",
  },
  {
    name: "a socket that was full is not written to again",
    file: callStream,
    find: "this.#isFull = false;\n      this.#flushLater();",
    replace: "this.#flushLater();",
  },
  {
    name: "what was written counts as unsent",
    file: callStream,
    find: "pending.written = true;\n        this.#unsentBytes -= pending.payload.length;",
    replace: "pending.written = true;",
  },
  {
    name: "what was never sent counts as unsent",
    file: callStream,
    find: "this.#unsentBytes -= pending.payload.length;\n    pending.onGivenUp",
    replace: "pending.onGivenUp",
  },
  {
    name: "an input larger than the hub takes is sent",
    file: callStream,
    find: "else if (pending.payload.length > this.#maxPayloadBytes) {",
    replace: "else if (pending.payload.length > this.#limitBytes) {",
  },
  {
    name: "an answer larger than the client takes is taken",
    file: callStream,
    find: "checkAnswerSize(pending.requestId, payload.length, this.#limitBytes);",
    replace: "",
  },
  {
    name: "more calls are opened than the hub takes",
    file: callStream,
    find: "this.#calls.entries().slice(settings.maxOpenCalls)",
    replace: "this.#calls.entries().slice(ASSUMED_OPEN_CALLS)",
  },
  {
    name: "a call that was answered is kept",
    file: callStream,
    find: "this.#calls.delete(id);\n    try {",
    replace: "try {",
  },
  {
    name: "a stream without calls stays",
    file: callStream,
    find: "if (isIdle) this.#leave();\n      else this.#watchIdle();",
    replace: "this.#watchIdle();",
  },
  {
    name: "what nobody called idempotent is sent again",
    file: retry,
    find: "if (idempotent && this.#lost < maxAttempts)",
    replace: "if (this.#lost < maxAttempts)",
  },
  {
    name: "what is idempotent is not sent again",
    file: retry,
    find: "if (idempotent && this.#lost < maxAttempts)",
    replace: "if (idempotent && this.#lost < 1)",
  },
  {
    name: "sends are not limited",
    file: retry,
    find: "if (idempotent && this.#lost < maxAttempts)",
    replace: "if (idempotent)",
  },
  {
    name: "NOT_STARTED after a lost send",
    file: retry,
    find: "return this.#lost > 0 ? mayHaveRun(error) : error;",
    replace: "return error;",
  },
  {
    name: "a hub that drains is not waited for",
    file: retry,
    find: '(reason === "DRAINING" || reason === "CONNECTION_LOST")',
    replace: '(reason === "CONNECTION_LOST")',
  },
  {
    name: "a request is sent again when its time is over",
    file: retry,
    find: "if (pauseMs !== undefined && now + pauseMs < until) return pauseMs;",
    replace: "if (pauseMs !== undefined) return pauseMs;",
  },
];
