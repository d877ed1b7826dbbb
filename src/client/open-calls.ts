import { IdMap } from "../base/containers/id-map.js";
import type { GibbsError } from "../base/errors/error.js";
import { toMetadataEntries } from "../wire/messages/metadata.js";
import type { Call, ClientItemInit } from "../wire/messages/multiplex.js";
import { toRequestOptions } from "../wire/messages/request-options.js";
import { outboxFull, streamBroke, tooLarge } from "./failure.js";
import { clientFixed } from "./options.js";
import type { PendingCall } from "./pending-call.js";

/** The largest id: uint32 on the wire. */
const MAX_ID = 2 ** 32 - 1;

/** The calls of one `Multiplex` stream, and what remains to be written for them. */
export class OpenCalls {
  /** Calls by id, until the terminal item arrives; includes those whose caller has gone. */
  readonly #calls = new IdMap<PendingCall>();
  /** Ids of calls to open or cancel, in order; some may have ended since. */
  #outbox: number[] = [];
  /** Payload bytes of calls that are not yet open. */
  #unsentBytes = 0;
  #lastId: number;
  readonly #onGivenUp: () => void;

  /**
   * @param onGivenUp called after a caller has given up, when there may be something to write or no
   * call left.
   */
  constructor(firstId: number, onGivenUp: () => void) {
    this.#lastId = firstId - 1;
    this.#onGivenUp = onGivenUp;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** The id of the latest call. */
  get lastId(): number {
    return this.#lastId;
  }

  /** Whether there may be something to write. */
  get isWaiting(): boolean {
    return this.#outbox.length > 0;
  }

  /** Adds a call to open. Fails it as OUTBOX_FULL if too many bytes are already waiting. */
  add(pending: PendingCall): void {
    const unsentBytes = this.#unsentBytes + pending.payload.length;
    // A single call may exceed the limit.
    if (this.#unsentBytes > 0 && unsentBytes > clientFixed.maxUnsentBytes) {
      return pending.fail(outboxFull(pending.requestId));
    }
    const id = this.#nextId();
    this.#calls.set(id, pending);
    this.#unsentBytes = unsentBytes;
    this.#outbox.push(id);
    pending.onGivenUp = (wasSent) => this.#giveUp(id, pending, wasSent);
  }

  /** Removes and returns a call whose terminal item has arrived. */
  take(id: number): PendingCall | undefined {
    const pending = this.#calls.get(id);
    if (pending !== undefined) this.#calls.delete(id);
    return pending;
  }

  /** Removes and returns all but the first `count` calls. None of them has been written. */
  takeBeyond(count: number): PendingCall[] {
    return this.#remove(this.#calls.entries().slice(count));
  }

  /** Removes and returns the calls that were not written. */
  takeUnsent(): PendingCall[] {
    return this.#remove(this.#calls.entries().filter(([, pending]) => pending.isWaiting));
  }

  /**
   * Removes and returns the items to write now. Fails calls whose payload is larger than
   * `maxPayloadBytes`.
   */
  takeItems(maxPayloadBytes: number, now: number): ClientItemInit[] {
    const ids = this.#outbox;
    this.#outbox = [];
    const items: ClientItemInit[] = [];
    for (const id of ids) {
      const pending = this.#calls.get(id);
      if (pending === undefined) continue;
      const { payload, requestId } = pending;
      if (pending.isSettled) items.push({ id, item: { case: "cancel", value: {} } });
      else if (payload.length > maxPayloadBytes) {
        this.#forget(id, pending);
        pending.fail(tooLarge(requestId, payload.length, maxPayloadBytes));
      } else {
        pending.sending();
        this.#unsentBytes -= payload.length;
        items.push({ id, item: { case: "call", value: toCall(pending, now) } });
      }
    }
    return items;
  }

  /** Gives up every call, because the client is closed. */
  giveUp(): void {
    for (const pending of this.#calls.values()) pending.giveUp("CLIENT_CLOSED");
  }

  /** Fails every call because the stream broke, unsent ones as not started. */
  fail(error: GibbsError): void {
    for (const pending of this.#calls.values()) {
      pending.fail(streamBroke(pending.requestId, pending.isSent, error));
    }
    this.#calls.clear();
  }

  #nextId(): number {
    do {
      this.#lastId = this.#lastId === MAX_ID ? 1 : this.#lastId + 1;
    } while (this.#calls.has(this.#lastId));
    return this.#lastId;
  }

  #giveUp(id: number, pending: PendingCall, wasSent: boolean): void {
    if (wasSent) this.#outbox.push(id);
    else this.#forget(id, pending);
    this.#onGivenUp();
  }

  #remove(unsent: [number, PendingCall][]): PendingCall[] {
    for (const [id, pending] of unsent) this.#forget(id, pending);
    return unsent.map(([, pending]) => pending);
  }

  /** Removes a call that was never written. */
  #forget(id: number, pending: PendingCall): void {
    this.#calls.delete(id);
    this.#unsentBytes -= pending.payload.length;
    pending.onGivenUp = () => {};
  }
}

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
