import type { GibbsError } from "../../../src/base/errors/error.js";
import type { CoreLimits } from "../../../src/hub/core/limits.js";
import {
  decodeWorkRequest,
  decodeWorkResponse,
  type HubEvent,
  type WorkerEvent,
} from "../../../src/wire/messages/work.js";
import type { AnswerObserver } from "../actors/client.js";
import type { Wish } from "../actors/wish.js";
import { readStatus } from "../machine/connection.js";
import type { SimProcess } from "../machine/process.js";
import type { StreamObserver } from "../machine/server-call.js";
import type { Count, Log } from "../world.js";
import { admit } from "./admission.js";
import { Books, type Fail } from "./books.js";
import type { Call, Told } from "./call.js";
import type { ClientStream } from "./client-stream.js";
import { type Dispatch, judgeDispatches, judgeEnd, judgeWrite } from "./deciding.js";
import { hear } from "./hearing.js";
import { MultiplexOracle } from "./multiplex-oracle.js";
import { abandonAt, judgeQuiet, TIMER_MS } from "./quiet.js";
import { Stream } from "./stream.js";
import { judgeTold } from "./verdict.js";

/** Limits of a hub, in addition to those of its core. */
export interface OracleLimits extends CoreLimits {
  defaultTimeoutMs: number;
  maxTimeoutMs: number;
  maxOpenCalls: number;
}

/** Where an oracle reports what it has seen, and what it shares with others. */
export interface OracleWorld {
  fail: Fail;
  count: Count;
  log: Log;
  /** Calls by request id, across all hubs. */
  calls: Map<string, Call>;
  /** Called when a call arrives on a Multiplex stream. */
  newCall(wish: Wish, stream: ClientStream): Call;
}

/**
 * Watches one hub from outside: records what it is told and, whenever it has done everything due,
 * checks what it said. It never queries the hub.
 */
export class HubOracle {
  readonly books: Books;
  readonly multiplex: MultiplexOracle;
  readonly #limits: OracleLimits;
  readonly #process: SimProcess;
  readonly #count: Count;
  readonly #log: Log;
  readonly #calls: Map<string, Call>;
  #places = 0;
  #streams = 0;
  #inspectionAt = Number.POSITIVE_INFINITY;
  // What the hub has said since the last look at it.
  #told: [Call, Told][] = [];
  #written: [Stream, HubEvent[], isFull: boolean][] = [];
  #ended: [Stream, GibbsError | undefined][] = [];

  constructor(
    limits: OracleLimits,
    process: SimProcess,
    { fail, count, log, calls, newCall }: OracleWorld,
  ) {
    this.books = new Books(limits, process, fail);
    this.#limits = limits;
    this.#process = process;
    this.#count = count;
    this.#log = log;
    this.#calls = calls;
    this.multiplex = new MultiplexOracle(this.books, {
      maxOpenCalls: limits.maxOpenCalls,
      count,
      log,
      arrived: (wish, stream) => {
        const call = newCall(wish, stream);
        this.arrived(call, wish.timeoutMs);
        return call;
      },
      told: (call, told) => this.told(call, told, 0),
    });
  }

  /** Called when a request arrives; `timeoutMs` is the part of its timeout that the hub counts. */
  arrived(call: Call, timeoutMs: number | undefined): void {
    this.#calls.set(call.requestId, call);
    admit(this.books, call, ++this.#places, timeoutMs, this.#limits);
  }

  /** Called when the caller has gone. */
  cancelled(call: Call): void {
    if (call.isOpen) this.books.refuse(call, "CLIENT_CANCELLED");
  }

  /** Called when the caller is told its outcome; it has yet to read `unreadBytes` of the answer. */
  told(call: Call, told: Told, unreadBytes: number): void {
    if (unreadBytes > 0) {
      const { peer } = call;
      this.books.unread.set(call, { peer, bytes: unreadBytes, since: this.books.now });
    }
    this.#count("outcome", told.kind === "answer" ? "OK" : told.error.reason);
    // A flawed request fails at once.
    if (call.wish.flaw !== undefined) this.#settle(call, told);
    else this.#told.push([call, told]);
  }

  /** Observes the fate of a call's answer. */
  observeAnswer(call: Call): AnswerObserver {
    const { books } = this;
    return {
      taken: () => books.unread.delete(call),
      abandoned: () => {
        const dueAt = abandonAt(books, call);
        books.unread.delete(call);
        if (dueAt === undefined || dueAt > books.now) {
          books.fail("a slow reader gets its time", `${call} lost its answer before ${dueAt}`);
        }
      },
    };
  }

  /** Called when a stream arrives. */
  opened(): Stream {
    const { books } = this;
    const stream = new Stream(++this.#streams, books.now, books.limits.maxSlots);
    books.streams.add(stream);
    const open = [...books.streams].filter(({ phase }) => phase !== "ended");
    if (open.length > books.limits.maxWorkers) books.end(stream, "TOO_MANY_WORKERS");
    return stream;
  }

  /** Observes the hub's end of a stream. */
  observe(stream: Stream): StreamObserver {
    const gone = (): void => {
      this.#log(() => `${stream} is gone`);
      this.books.end(stream, undefined);
      stream.isClosed = true;
    };
    return {
      received: (encoded) => {
        this.#log(() => `${stream} says ${describe(() => decodeWorkRequest(encoded))}`);
        hear(this.books, stream, encoded);
      },
      halfClosed: gone,
      lost: gone,
      drained: () => {
        stream.congested = false;
      },
      wrote: (encoded, isFull) => {
        if (encoded.length > stream.maxReceiveBytes) {
          this.books.fail("a message the worker can receive", `${encoded.length} to ${stream}`);
        }
        this.#log(() => `${stream} is told ${describe(() => decodeWorkResponse(encoded))}`);
        this.#written.push([stream, decodeWorkResponse(encoded), isFull]);
      },
      ended: (status) => this.#ended.push([stream, status && readStatus(status)]),
      holds: (jobId) => stream.jobs.has(jobId),
    };
  }

  /** Called when the hub starts to drain. */
  draining(): void {
    const { books } = this;
    if (books.isDraining) return;
    books.isDraining = true;
    for (const call of books.calls)
      if (call.state === "waiting") this.books.refuse(call, "DRAINING");
    for (const stream of [...books.streams]) {
      if (stream.phase === "opening") books.end(stream, "DRAINING");
      if (stream.phase !== "serving") continue;
      books.leave(stream, "draining");
      books.endIfDrained(stream);
    }
  }

  /** Called when the hub must end the running requests. */
  stopped(): void {
    this.draining();
    for (const call of this.books.calls) this.books.refuse(call, "HUB_SHUTDOWN");
    for (const stream of [...this.books.streams]) this.books.end(stream, "DRAINING");
  }

  /** Called when the hub was killed: its callers hear from their own libraries. */
  killed(): void {
    for (const call of this.books.calls) if (call.isOpen) call.state = "broken";
    this.books.calls.clear();
  }

  /** Called when the hub was stalled. */
  stalled(stalledMs: number): void {
    for (const stream of this.books.streams) {
      stream.stalledMs += stalledMs;
      stream.stalls += 1;
    }
  }

  /** Called when the hub has done everything due. */
  flushed(): void {
    this.books.crashLoops.wake(this.books.now);
    this.#look();
  }

  /** Checks everything that the hub has said, and that nothing is missing. */
  #look(): void {
    const { books } = this;
    // Callers whose requests timed out, running or waiting, were told before streams ended.
    const isOfTime = ([call, told]: [Call, Told]): boolean => {
      if (told.kind !== "failure") return false;
      const { reason } = told.error;
      if (call.state === "waiting") return /^(DEADLINE_QUEUED|QUEUE_TIMEOUT)$/.test(reason);
      return /^(DEADLINE_RUNNING|RUN_TIMEOUT)$/.test(reason);
    };
    const ended = this.#ended.splice(0);
    this.multiplex.judgeResets((stream) => ended.some(([one]) => one === stream));
    const told = this.#told.splice(0);
    const early = told.filter(isOfTime);
    for (const one of early) this.#settle(...one);
    for (const [stream, error] of ended) {
      if (!stream.isClosed) this.#count("stream end", error?.reason ?? "OK");
      judgeEnd(books, stream, error);
    }
    for (const one of told) if (!early.includes(one)) this.#settle(...one);
    this.#judgeWritten();
    this.multiplex.judgeEnds();
    const dueAt = judgeQuiet(books);
    this.multiplex.judgeQuiet();
    for (const stream of books.streams) {
      if (stream.phase === "ended") books.streams.delete(stream);
    }
    this.#inspectAt(dueAt + TIMER_MS);
  }

  #settle(call: Call, told: Told): void {
    if (call.expected === undefined) call.decidedAt = this.books.now;
    judgeTold(this.books, call, told);
    call.told = told;
    call.state = "told";
    this.books.calls.delete(call);
  }

  #judgeWritten(): void {
    const dispatches: Dispatch[] = [];
    const written = this.#written.splice(0);
    for (const [stream, events] of written) {
      for (const event of events) {
        const dispatch = judgeWrite(this.books, stream, event, this.#calls);
        if (dispatch !== undefined) dispatches.push(dispatch);
      }
    }
    judgeDispatches(this.books, dispatches);
    for (const [stream, , isFull] of written) stream.congested = isFull;
  }

  /** Schedules an inspection for when something must have happened. */
  #inspectAt(at: number): void {
    if (at >= this.#inspectionAt) return;
    this.#inspectionAt = at;
    this.#process.inspect(at, () => {
      if (this.#inspectionAt !== at) return;
      this.#inspectionAt = Number.POSITIVE_INFINITY;
      this.#look();
    });
  }
}

/** Summarizes the events of a message for the history. */
function describe(decode: () => (WorkerEvent | HubEvent)[]): string {
  try {
    const told = decode().map(({ event: { case: kind = "nothing", value } }) => {
      const { requestId, jobId, slots } = (value ?? {}) as Record<string, unknown>;
      return [kind, requestId ?? jobId ?? slots ?? ""].join(" ").trim();
    });
    return told.join(", ");
  } catch {
    return "not a message";
  }
}
