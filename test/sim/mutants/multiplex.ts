import type { Mutant } from "./mutant.js";

/** Faults in how the hub handles its clients' Multiplex streams. */
export const multiplexMutants: readonly Mutant[] = [
  {
    name: "a second open id is taken",
    at: "MultiplexStream.#apply",

    find: "if (this.#open.has(id)) return",
    replace: "if (id < 0) return",
  },
  {
    name: "the calls of a broken stream continue",
    at: "MultiplexStream.onClose",
    find: "for (const ticket of this.#open.values()) engine.cancel(ticket);",
    replace: "",
  },
  {
    name: "a client is not told of a drain",
    at: "MultiplexStream.drain",
    find: 'this.#push({ id: 0, item: { case: "drain", value: {} } });',
    replace: "",
  },
  {
    name: "a draining hub takes new streams",
    at: "multiplexHandler",
    find: "if (!context.isDraining())",
    replace: "if (true)",
  },
  {
    name: "the hub keeps reading from a client that does not read",
    at: "MultiplexStream.#write",
    find: "if (isFull) this.#call.pause();",
    replace: "",
  },
  {
    name: "the hub never resumes reading from a client",
    at: "MultiplexStream.onDrain",
    find: "this.#call.resume();",
    replace: "",
  },
  {
    name: "a client that never reads keeps its stream",
    at: "MultiplexStream.#write",
    find: "() => this.#end(slowReader())",
    replace: "() => {}",
  },
  {
    name: "a message that was read counts as unread",
    at: "MultiplexStream.#write",
    find: "engine.sent(response);\n      this.#unread.delete(response);",
    replace: "this.#unread.delete(response);",
  },
  {
    name: "what a broken stream has not read still counts",
    at: "MultiplexStream.onClose",
    find: "for (const response of this.#unread.takeAll()) engine.sent(response);",
    replace: "",
  },
  {
    name: "unread messages that are due together count out twice",
    at: "UnreadResponses.remove",
    find: "if (!response.isUnread) return;",
    replace: "",
  },
  {
    name: "a slow reader's stream ends before the jobs decided with it are written",
    at: "Engine.#flush",
    find: 'else if (effect.kind !== "abandon") this.#perform(effect);',
    replace:
      'else if (effect.kind === "abandon") effect.response.onAbandoned();\n      else this.#perform(effect);',
  },
  {
    name: "one call too many is open",
    at: "MultiplexStream.#begin",
    find: "if (this.#open.size >= limits.maxOpenCalls) {",
    replace: "if (this.#open.size > limits.maxOpenCalls) {",
  },
  {
    name: "a flood of refused calls does not end its stream",
    at: "MultiplexStream.#begin",
    find: "this.#refused += 1;",
    replace: "",
  },
  {
    name: "a cancel is not passed on",
    at: "MultiplexStream.#apply",
    find: "if (ticket !== undefined) this.#context.engine.cancel(ticket);",
    replace: "",
  },
  {
    name: "a half-closed stream does not end",
    at: "MultiplexStream.flush",
    find: 'if (this.#state === "half-closed" && this.#open.size === 0) this.#end(undefined);',
    replace: "",
  },
  {
    name: "a half-closed stream ends with calls open",
    at: "MultiplexStream.flush",
    find: 'if (this.#state === "half-closed" && this.#open.size === 0) this.#end(undefined);',
    replace: 'if (this.#state === "half-closed") this.#end(undefined);',
  },
  {
    name: "an answered call stays open",
    at: "MultiplexStream.settled",
    find: "this.#open.delete(id);",
    replace: "",
  },
  {
    name: "an answer goes to the oldest open call",
    at: "MultiplexStream.settled",
    find: 'this.#push({ id, item: { case: "response"',
    replace: 'this.#push({ id: [...this.#open.keys()][0] ?? id, item: { case: "response"',
  },
  {
    name: "an undecodable message is ignored",
    at: "MultiplexStream.onMessage",
    find: "return this.#end(violation(`not a MultiplexRequest:",
    replace: "return void (violation(`not a MultiplexRequest:",
  },
];

/** Faults in a client on Multiplex. */
export const clientMutants: readonly Mutant[] = [
  {
    name: "the id after the largest is zero",
    at: "OpenCalls.#nextId",
    find: "this.#lastId === MAX_ID ? 1 : this.#lastId + 1",
    replace: "this.#lastId === MAX_ID ? 0 : this.#lastId + 1",
  },
  {
    name: "the hub is not told that a caller has gone",
    at: "OpenCalls.#giveUp",
    find: "if (wasSent) this.#outbox.push(id);\n    else",
    replace: "if (!wasSent)",
  },
  {
    name: "a closing stream takes new calls",
    at: "MultiplexStream.hasRoom",
    find: 'return state.kind === "opening" && this.#calls.size < ASSUMED_OPEN_CALLS;',
    replace: "return this.#calls.size < ASSUMED_OPEN_CALLS;",
  },
  {
    name: "a closing stream closes before its last call ends",
    at: "MultiplexStream.#closeIfDrained",
    find: 'if (this.#state.kind === "draining" && this.#calls.size === 0) this.#close();',
    replace: 'if (this.#state.kind === "draining") this.#grpc.end();',
  },
  {
    name: "a lost call that was written counts as not run",
    at: "OpenCalls.fail",
    find: "streamBroke(pending.requestId, pending.isSent, error)",
    replace: "streamBroke(pending.requestId, false, error)",
  },
  {
    name: "a lost call that was not written counts as possibly run",
    at: "OpenCalls.fail",
    find: "streamBroke(pending.requestId, pending.isSent, error)",
    replace: "streamBroke(pending.requestId, true, error)",
  },
  {
    name: "a cancelled call counts as not run",
    at: "PendingCall.giveUp",
    find: 'const execution = wasSent ? "UNKNOWN" : "NOT_STARTED";',
    replace: 'const execution = "NOT_STARTED";',
  },
  {
    name: "a call cancelled earlier is sent",
    at: "ConnectedTransport.#connect",
    find: "if (!pending.isSettled) this.start(pending);",
    replace: "this.start(pending);",
  },
  {
    name: "a full socket is written to",
    at: "MultiplexStream.#writableTo",
    find: "return this.#grpc.writableNeedDrain ? undefined : state.settings;",
    replace: "return state.settings;",
  },
  {
    name: "a socket that was full is not written to again",
    at: "MultiplexStream.constructor",
    find: 'grpc.on("drain", () => this.#flushLater());',
    replace: "",
  },
  {
    name: "written calls count as unsent",
    at: "OpenCalls.takeItems",
    find: "pending.sending();\n        this.#unsentBytes -= payload.length;",
    replace: "pending.sending();",
  },
  {
    name: "calls that were never sent count as unsent",
    at: "OpenCalls.#forget",
    find: "this.#unsentBytes -= pending.payload.length;\n    pending.onGivenUp",
    replace: "pending.onGivenUp",
  },
  {
    name: "an input larger than the hub accepts is sent",
    at: "MultiplexStream.#open",
    find: "maxPayloadBytes: Math.min(maxPayloadBytes, this.#limitBytes),",
    replace: "maxPayloadBytes: this.#limitBytes,",
  },
  {
    name: "an answer larger than the client accepts is accepted",
    at: "MultiplexStream.#apply",
    find: "respond(payload, info, this.#limitBytes);",
    replace: "respond(payload, info, Number.POSITIVE_INFINITY);",
  },
  {
    name: "more calls are opened than the hub accepts",
    at: "MultiplexStream.#open",
    find: "this.#calls.takeBeyond(maxOpenCalls)",
    replace: "this.#calls.takeBeyond(ASSUMED_OPEN_CALLS)",
  },
  {
    name: "an answered call is kept",
    at: "OpenCalls.take",
    find: "if (pending !== undefined) this.#calls.delete(id);",
    replace: "",
  },
  {
    name: "a stream without calls stays",
    at: "MultiplexStream.#watchIdle",
    find: "if (isIdle) this.#close();\n      else",
    replace: "",
  },
  {
    name: "a call not declared idempotent is sent again",
    at: "Retry.#pauseAfter",
    find: "if (idempotent && this.#lost < maxAttempts)",
    replace: "if (this.#lost < maxAttempts)",
  },
  {
    name: "an idempotent call is not sent again",
    at: "Retry.#pauseAfter",
    find: "if (idempotent && this.#lost < maxAttempts)",
    replace: "if (idempotent && this.#lost < 1)",
  },
  {
    name: "sends are not limited",
    at: "Retry.#pauseAfter",
    find: "if (idempotent && this.#lost < maxAttempts)",
    replace: "if (idempotent)",
  },
  {
    name: "NOT_STARTED after a lost send",
    at: "Retry.final",
    find: "return this.#lost > 0 ? mayHaveRun(error) : error;",
    replace: "return error;",
  },
  {
    name: "a draining hub is not waited for",
    at: "isRefused",
    find: '(reason === "DRAINING" || reason === "CONNECTION_LOST")',
    replace: '(reason === "CONNECTION_LOST")',
  },
  {
    name: "a request is sent again after its deadline",
    at: "Retry.pauseAfter",
    find: "if (pauseMs !== undefined && now + pauseMs < until) return pauseMs;",
    replace: "if (pauseMs !== undefined) return pauseMs;",
  },
];
