import type { KeptBytes } from "../../../src/base/bytes.js";
import { GibbsError } from "../../../src/base/errors/error.js";
import { fixed } from "../../../src/base/options/limits.js";
import { fromStatusFields } from "../../../src/wire/grpc/status.js";
import {
  type CallResponse,
  type ClientItem,
  decodeClientItems,
  decodeHubItems,
  type HubItem,
  type Call as WireCall,
} from "../../../src/wire/messages/multiplex.js";
import { decodePayload } from "../../../src/wire/payload/payload.js";
import { bytesOf } from "../../support/bytes.js";
import { FORWARDED, type Wish } from "../actors/wish.js";
import { readStatus } from "../machine/connection.js";
import type { ServerCall, StreamObserver } from "../machine/server-call.js";
import type { Count, Log } from "../world.js";
import type { Books } from "./books.js";
import type { Call, Told } from "./call.js";
import { ClientStream } from "./client-stream.js";
import { abandonAt, callDueAt } from "./quiet.js";
import type { Stream } from "./stream.js";

/** What a Multiplex oracle needs from its hub's oracle. */
export interface MultiplexPort {
  maxOpenCalls: number;
  count: Count;
  log: Log;
  /** Records a call that has arrived on a stream. */
  arrived(wish: Wish, stream: ClientStream): Call;
  told(call: Call, told: Told): void;
}

/** Watches one hub's Multiplex streams from outside, as docs/protocol.md 15 defines them. */
export class MultiplexOracle {
  readonly streams = new Set<ClientStream>();
  /** Whether the hub has begun to end the streams left after a drain. */
  isClosing = false;
  readonly #books: Books;
  readonly #port: MultiplexPort;
  #numbers = 0;
  // What the hub has done since the last look at it.
  #ended: [ClientStream, GibbsError | undefined][] = [];
  #reset: ClientStream[] = [];

  constructor(books: Books, port: MultiplexPort) {
    this.#books = books;
    this.#port = port;
  }

  /** Called when a stream arrives. */
  opened(call: ServerCall): void {
    const stream = new ClientStream(++this.#numbers, () => call.isPaused);
    this.streams.add(stream);
    call.observer = this.#observe(stream);
    if (this.#books.isDraining) this.#end(stream, "DRAINING");
  }

  /** Number of calls without an outcome, across all streams. */
  get openCalls(): number {
    let calls = 0;
    for (const { open } of this.streams) calls += open.size;
    return calls;
  }

  /**
   * Checks how streams ended. Must be called before the calls' outcomes are checked for
   * completeness.
   */
  judgeEnds(): void {
    for (const [stream, error] of this.#ended.splice(0)) this.#judgeEnd(stream, error);
  }

  /**
   * Records the calls whose streams the hub has just reset. Must be called before the ends of
   * workers' streams are checked; `isEnding` returns whether a stream's end is about to be. The hub
   * resets last and tells its core, which acts on it in its next flush.
   */
  judgeResets(isEnding: (stream: Stream) => boolean): void {
    const books = this.#books;
    for (const stream of this.#reset) {
      for (const call of stream.open.values()) {
        books.untold.add(call);
        // Before matching, the hub settled everything that had timed out.
        if (callDueAt(books, call) > books.now) continue;
        if (call.job !== undefined && isEnding(call.job.stream)) books.unclear.add(call);
        else books.forget(call);
      }
    }
  }

  /** Checks what must hold whenever the hub has done everything due. */
  judgeQuiet(): void {
    for (const stream of this.#reset.splice(0)) {
      for (const call of stream.takeAll()) this.#books.forget(call);
    }
    for (const stream of this.streams) {
      const problem = this.#problemOf(stream);
      if (problem !== undefined) this.#books.fail(problem, `${stream}`);
      if (stream.phase === "ended") this.streams.delete(stream);
    }
  }

  #problemOf(stream: ClientStream): string | undefined {
    if (stream.phase === "ended") return stream.isClosed ? undefined : "a client's stream must end";
    if (!stream.hasSettings) return "settings come first";
    if (this.#books.isDraining && !stream.toldDrain) return "clients are told of a drain";
    if (stream.isPaused() !== stream.isFull) return "exactly the clients that read are read";
    if (stream.isHalfClosed && stream.open.size === 0) return "a half-closed stream ends";
    return undefined;
  }

  #observe(stream: ClientStream): StreamObserver {
    const { log } = this.#port;
    const lost = (): void => this.#lost(stream);
    return {
      received: (encoded) => {
        log(() => `${stream} says ${describe(() => decodeClientItems(encoded))}`);
        if (stream.isFull) this.#books.fail("a client that does not read is not read", `${stream}`);
        this.#hear(stream, encoded);
      },
      halfClosed: () => {
        stream.isHalfClosed = true;
      },
      lost,
      drained: () => {
        stream.isFull = false;
      },
      wrote: (encoded, isFull) => {
        log(() => `${stream} is told ${describe(() => decodeHubItems(encoded))}`);
        stream.isFull = isFull;
        if (isFull) this.#port.count("multiplex", "the hub waits for a reader");
        const { now, unread } = this.#books;
        unread.set(encoded, { peer: stream, bytes: encoded.length, since: now });
        for (const item of decodeHubItems(encoded)) this.#wrote(stream, item);
      },
      taken: (encoded) => this.#books.unread.delete(encoded),
      ended: (status) => this.#ended.push([stream, status && readStatus(status)]),
      reset: () => this.#wasReset(stream),
    };
  }

  #hear(stream: ClientStream, encoded: Buffer): void {
    if (stream.phase === "ended") return;
    let items: ClientItem[];
    try {
      items = decodeClientItems(encoded);
    } catch {
      return this.#violation(stream);
    }
    let tooMany = 0;
    for (const { id, item } of items) {
      if (item.case === "call") {
        if (id === 0 || stream.open.has(id)) return this.#violation(stream, id);
        if (this.#begin(stream, id, item.value) === "TOO_MANY_CALLS") tooMany += 1;
        if (tooMany > this.#port.maxOpenCalls) return this.#violation(stream);
      }
      if (item.case === "cancel") this.#cancel(stream, id);
    }
  }

  #begin(stream: ClientStream, id: number, wire: WireCall<KeptBytes>): Wish["flaw"] {
    const isFull = stream.open.size >= this.#port.maxOpenCalls;
    const wish = readWish(wire, isFull ? "TOO_MANY_CALLS" : undefined);
    const call = this.#port.arrived(wish, stream);
    if (wish.flaw === undefined) stream.open.set(id, call);
    else stream.refused.push({ id, call });
    return wish.flaw;
  }

  #cancel(stream: ClientStream, id: number): void {
    const call = stream.open.get(id);
    if (call === undefined) this.#port.count("multiplex", "a cancel crosses an answer");
    else if (call.isOpen) this.#books.refuse(call, "CLIENT_CANCELLED");
  }

  #wrote(stream: ClientStream, { id, item }: HubItem): void {
    const { fail } = this.#books;
    if (item.case === "settings") {
      if (stream.hasSettings) fail("settings come first", `${stream} has them twice`);
      stream.hasSettings = true;
      return;
    }
    if (!stream.hasSettings) fail("settings come first", `${stream}`);
    if (item.case === "drain") {
      if (!this.#books.isDraining)
        fail("drain", `${stream} was told of a drain, but the hub does not drain`);
      stream.toldDrain = true;
      return;
    }
    const call = stream.take(id);
    if (call === undefined) return fail("exactly one outcome", `${stream}: ${id} is not open`);
    if (item.case === "response") {
      if (item.value.requestId !== call.requestId) fail("call info", `${call} has another id`);
      this.#port.told(call, readAnswer(call, item.value));
    }
    if (item.case === "status") {
      const error = fromStatusFields(item.value);
      this.#port.told(call, { kind: "failure", error, pushback: null });
    }
  }

  #violation(stream: ClientStream, id?: number): void {
    if (id !== undefined && id > 0) this.#port.count("multiplex", "a second open id");
    this.#end(stream, "PROTOCOL_VIOLATION");
  }

  /** Ends the stream: either the hub must end it for `expectedEnd`, or it ended on its own. */
  #end(stream: ClientStream, expectedEnd: string): void {
    stream.phase = "ended";
    stream.expectedEnd = expectedEnd;
    for (const call of stream.takeAll()) this.#books.forget(call);
    this.#forgetUnread(stream);
  }

  #lost(stream: ClientStream): void {
    this.#port.log(() => `${stream} is gone`);
    if (stream.open.size > 0) this.#port.count("multiplex", "a stream breaks with calls open");
    if (stream.phase === "open") this.#end(stream, "OK");
    stream.isClosed = true;
  }

  #wasReset(stream: ClientStream): void {
    const { now, unread } = this.#books;
    const due = [...unread].filter(
      ([key, { peer }]) => peer === stream && (abandonAt(this.#books, key) ?? now) <= now,
    );
    if (due.length === 0) this.#books.fail("a slow reader gets its time", `${stream} was reset`);
    this.#port.count("multiplex", "a slow reader is reset");
    if (due.length > 1) this.#port.count("multiplex", "two unread messages are due");
    stream.phase = "ended";
    stream.isClosed = true;
    this.#forgetUnread(stream);
    this.#reset.push(stream);
  }

  #forgetUnread(stream: ClientStream): void {
    const { unread } = this.#books;
    for (const [key, { peer }] of unread) if (peer === stream) unread.delete(key);
  }

  #judgeEnd(stream: ClientStream, error: GibbsError | undefined): void {
    if (stream.isClosed) return;
    stream.isClosed = true;
    const reason = error?.reason ?? "OK";
    this.#port.count("client stream end", reason);
    const mayEnd =
      (stream.isHalfClosed || this.isClosing) && stream.open.size + stream.refused.length === 0;
    const expected = stream.phase === "ended" ? stream.expectedEnd : mayEnd ? "OK" : "not at all";
    if (reason !== expected) {
      this.#books.fail("a client's stream end", `${stream} ended as ${reason}, not ${expected}`);
    }
    this.#end(stream, reason);
  }
}

/** Reads a call the way its hub must. */
function readWish(wire: WireCall<KeptBytes>, known: Wish["flaw"]): Wish {
  const { payload, method, options, timeoutMs } = wire;
  let metadataBytes = 0;
  for (const { key, value } of wire.metadata) {
    if (key === FORWARDED) metadataBytes += key.length + value.length;
  }
  const isBad = method.length > fixed.maxNameLength || (options?.maxAttempts ?? 1) > 10;
  return {
    requestId: options?.requestId ?? "",
    method,
    payload: Buffer.from(bytesOf(payload)),
    metadataBytes,
    flaw: known ?? (isBad ? "BAD_OPTION" : undefined),
    timeoutMs,
    queueTimeoutMs: options?.queueTimeoutMs,
    runTimeoutMs: options?.runTimeoutMs,
    idempotent: options?.idempotent,
    maxAttempts: options?.maxAttempts,
  };
}

/**
 * Reads an answer. The hub passes payloads on unread; the client reports a malformed one as the
 * table says.
 */
function readAnswer(call: Call, { payload, workerId, attempts, ...times }: CallResponse): Told {
  try {
    const value = decodePayload(payload);
    const spans: [number, number] = [times.queueTimeMs, times.runTimeMs];
    return { kind: "answer", value, workerId, attempts, times: spans };
  } catch {
    const { requestId } = call;
    const details = { reason: "RESULT_MALFORMED", execution: "FINISHED", attempts } as const;
    const error = new GibbsError("INTERNAL", "no payload", { ...details, requestId });
    return { kind: "failure", error, pushback: null };
  }
}

/** Summarizes the items of a message for the history. */
function describe(decode: () => (ClientItem | HubItem)[]): string {
  try {
    return decode()
      .map(({ id, item }) => `${item.case ?? "nothing"} ${id}`)
      .join(", ");
  } catch {
    return "not a message";
  }
}
