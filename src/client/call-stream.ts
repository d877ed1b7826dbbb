import type { ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
import type { Clock, Timer } from "../base/clock.js";
import { GibbsError } from "../base/error.js";
import { malformedResult } from "../base/failures.js";
import { Flusher } from "../base/flusher.js";
import { IdMap } from "../base/id-map.js";
import { toMetadataEntries } from "../wire/metadata.js";
import {
  type Call,
  type ClientItemInit,
  decodeHubItems,
  encodeClientItems,
  type HubItem,
} from "../wire/multiplex.js";
import { decodePayload } from "../wire/payload.js";
import { toRequestOptions } from "../wire/request-options.js";
import { fromStatusFields } from "../wire/status.js";
import {
  checkAnswerSize,
  closedByHub,
  explainError,
  outboxFull,
  streamBroke,
  tooLarge,
  unreadable,
} from "./failure.js";
import { clientFixed } from "./options.js";
import type { PendingCall } from "./pending-call.js";

/** What a stream tells. */
export interface CallStreamListener {
  /** The hub takes fewer calls than the stream was given: this one belongs on another. */
  onOverflow(pending: PendingCall): void;
  /** Comes once and last; all calls have been told. */
  onEnd(): void;
}

/** What a stream is to keep to, by this side's word. */
export interface CallStreamLimits {
  maxPayloadBytes: number;
  /** The id of the first call. */
  firstId: number;
}

interface Settings {
  maxPayloadBytes: number;
  maxOpenCalls: number;
}

/** Until the hub has said how many calls it takes, this many. */
const ASSUMED_OPEN_CALLS = 1024;

/**
 * The client's side of one `Multiplex` stream.
 *
 * | from | event | to |
 * |---|---|---|
 * | opening | settings | open: what waits is written |
 * | opening, open | drain of the hub, or a while without a call | leaving: no further call; half-closed after the last |
 * | any | end of the stream | ended: open calls fail, unsent ones as not started |
 */
export class CallStream {
  readonly #grpc: ClientDuplexStream<Buffer, Buffer>;
  readonly #clock: Clock;
  /** The most bytes of a payload, by this side's word. */
  readonly #limitBytes: number;
  readonly #listener: CallStreamListener;
  /** By id, until the terminal item: also those that nobody waits for any more. */
  readonly #calls = new IdMap<PendingCall>();
  #state: "opening" | "open" | "leaving" | "ended" = "opening";
  #settings: Settings | undefined;
  /** Calls to be opened and to be given up, in order. */
  #outbox: number[] = [];
  #unsentBytes = 0;
  #isFull = false;
  readonly #flusher: Flusher;
  #lastId: number;
  #idle: Timer | undefined;
  #wasBusy = true;

  constructor(
    grpc: ClientDuplexStream<Buffer, Buffer>,
    clock: Clock,
    { maxPayloadBytes, firstId }: CallStreamLimits,
    listener: CallStreamListener,
  ) {
    this.#grpc = grpc;
    this.#limitBytes = maxPayloadBytes;
    this.#lastId = firstId - 1;
    this.#clock = clock;
    this.#listener = listener;
    this.#flusher = new Flusher(clock, () => this.#flush());
    grpc.on("data", (encoded: Buffer) => this.#receive(encoded));
    grpc.on("error", (error: ServiceError) => this.#end(explainError(error, {})));
    grpc.on("status", ({ code }) => {
      if (code === 0) this.#end(closedByHub());
    });
    grpc.on("end", () => grpc.end());
    grpc.on("drain", () => {
      this.#isFull = false;
      this.#flushLater();
    });
    this.#watchIdle();
  }

  /** Whether it takes a further call. */
  get hasRoom(): boolean {
    if (this.#state !== "opening" && this.#state !== "open") return false;
    return this.#calls.size < (this.#settings?.maxOpenCalls ?? ASSUMED_OPEN_CALLS);
  }

  /** The most bytes of a payload, by either side's word. */
  get #maxPayloadBytes(): number {
    return Math.min(this.#settings?.maxPayloadBytes ?? this.#limitBytes, this.#limitBytes);
  }

  /** Sends a call, with all others of its instant in one write. */
  add(pending: PendingCall): void {
    const unsentBytes = this.#unsentBytes + pending.payload.length;
    if (this.#unsentBytes > 0 && unsentBytes > clientFixed.maxUnsentBytes) {
      return pending.fail(outboxFull(pending.requestId));
    }
    const id = this.#nextId();
    this.#calls.set(id, pending);
    this.#unsentBytes = unsentBytes;
    this.#outbox.push(id);
    this.#wasBusy = true;
    pending.onGivenUp = () => this.#giveUp(id, pending);
    this.#flushLater();
  }

  /** Gives the stream up, and every call on it. */
  close(): void {
    for (const pending of this.#calls.values()) pending.giveUp("CLIENT_CLOSED");
    this.#grpc.cancel();
  }

  #nextId(): number {
    do {
      this.#lastId = this.#lastId === MAX_ID ? 1 : this.#lastId + 1;
    } while (this.#calls.has(this.#lastId));
    return this.#lastId;
  }

  #giveUp(id: number, pending: PendingCall): void {
    if (!pending.written) return this.#forget(id, pending);
    this.#outbox.push(id);
    this.#flushLater();
  }

  #flushLater(): void {
    if (this.#settings === undefined || this.#isFull || this.#outbox.length === 0) return;
    this.#flusher.soon();
  }

  #flush(): void {
    if (this.#state === "ended" || this.#settings === undefined || this.#isFull) return;
    const ids = this.#outbox;
    this.#outbox = [];
    const now = this.#clock.now();
    const items: ClientItemInit[] = [];
    for (const id of ids) {
      const pending = this.#calls.get(id);
      if (pending === undefined) continue;
      if (pending.isSettled) items.push({ id, item: { case: "cancel", value: {} } });
      else if (pending.payload.length > this.#maxPayloadBytes) {
        this.#forget(id, pending);
        const { requestId, payload } = pending;
        pending.fail(tooLarge(requestId, payload.length, this.#maxPayloadBytes));
      } else {
        pending.written = true;
        this.#unsentBytes -= pending.payload.length;
        items.push({ id, item: { case: "call", value: toCall(pending, now) } });
      }
    }
    for (const message of encodeClientItems(items)) {
      if (!this.#grpc.write(message)) this.#isFull = true;
    }
  }

  #receive(encoded: Buffer): void {
    let items: HubItem[];
    try {
      items = decodeHubItems(encoded);
    } catch (error) {
      this.#end(unreadable(error));
      return this.#grpc.cancel();
    }
    for (const item of items) this.#apply(item);
  }

  #apply({ id, item }: HubItem): void {
    switch (item.case) {
      case "settings":
        return this.#open(item.value);
      case "drain":
        return this.#leave();
      case "response": {
        const { payload, requestId, workerId, attempts, queueTimeMs, runTimeMs } = item.value;
        return this.#finish(id, (pending) => {
          checkAnswerSize(pending.requestId, payload.length, this.#limitBytes);
          const info = { requestId, workerId, attempts, queueTimeMs, runTimeMs };
          pending.answer({ output: decodePayload(payload), info });
        });
      }
      case "status": {
        const { value } = item;
        return this.#finish(id, (pending) => pending.fail(fromStatusFields(value)));
      }
      case undefined:
        return;
    }
  }

  #open(settings: Settings): void {
    this.#settings = settings;
    if (this.#state === "opening") this.#state = "open";
    const excess = this.#calls.entries().slice(settings.maxOpenCalls);
    for (const [id, pending] of excess) {
      this.#forget(id, pending);
      this.#listener.onOverflow(pending);
    }
    this.#flushLater();
  }

  #finish(id: number, settle: (pending: PendingCall) => void): void {
    const pending = this.#calls.get(id);
    if (pending === undefined) return;
    this.#calls.delete(id);
    try {
      settle(pending);
    } catch (error) {
      const isOurs = error instanceof GibbsError;
      pending.fail(isOurs ? error : malformedResult(error, { requestId: pending.requestId }));
    }
    if (this.#state === "leaving") this.#leave();
  }

  /** Takes out a call that was never written. */
  #forget(id: number, pending: PendingCall): void {
    this.#calls.delete(id);
    this.#unsentBytes -= pending.payload.length;
    pending.onGivenUp = () => {};
    if (this.#state === "leaving") this.#leave();
  }

  #leave(): void {
    if (this.#state === "ended") return;
    this.#state = "leaving";
    if (this.#calls.size === 0) this.#grpc.end();
  }

  #end(error: GibbsError): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#idle?.cancel();
    for (const pending of this.#calls.values()) {
      pending.fail(streamBroke(pending.requestId, pending.written, error));
    }
    this.#calls.clear();
    this.#listener.onEnd();
  }

  /** A stream without calls is not kept: it would keep the process alive. */
  #watchIdle(): void {
    this.#idle = this.#clock.setTimer(clientFixed.idleStreamMs, () => {
      const isIdle = this.#calls.size === 0 && !this.#wasBusy;
      this.#wasBusy = false;
      if (isIdle) this.#leave();
      else this.#watchIdle();
    });
  }
}

/** The largest id: uint32 on the wire. */
const MAX_ID = 2 ** 32 - 1;

function toCall({ call, payload }: PendingCall, now: number): Call {
  const { options, until } = call;
  const { method = "" } = options;
  const timeoutMs = Math.ceil(Math.max(0, until - now));
  return {
    payload,
    method,
    options: toRequestOptions(options),
    timeoutMs,
    metadata: toMetadataEntries(options.metadata),
  };
}
