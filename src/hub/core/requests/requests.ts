import { SequenceTable } from "../../../base/containers/sequence-table.js";
import type { GibbsError } from "../../../base/errors/error.js";
import { type CoreLimits, MAX_SPARE, MIN_TIME_LEFT_MS } from "../limits.js";
import { arrivalRefused, type Refusal } from "./outcome.js";
import { type Caller, Request, type RequestIdFormat, type Submission } from "./request.js";
import { type Peer, UnreadResponses } from "./unread.js";

/** All unsettled requests, the bytes they hold, and whether there is room for more. */
export class Requests {
  readonly live: SequenceTable<Request> = new SequenceTable();
  readonly unread: UnreadResponses = new UnreadResponses();
  /** Bytes held by the live requests. */
  heldBytes = 0;
  /** Whether new requests are refused. */
  draining = false;
  readonly #limits: CoreLimits;
  readonly #random: () => number;
  readonly #formatId: RequestIdFormat;
  readonly #spare: Request[] = [];
  #arrivingBytes = 0;

  constructor(limits: CoreLimits, random: () => number, formatId: RequestIdFormat) {
    this.#limits = limits;
    this.#random = random;
    this.#formatId = formatId;
  }

  /** Reserves `bytes` for a request that is arriving; returns an error if there is no room. */
  arriving(bytes: number): GibbsError | undefined {
    if (this.#allBytes + bytes > this.#limits.maxHeldBytes) {
      return arrivalRefused(this.#fullMessage, this.#random());
    }
    this.#arrivingBytes += bytes;
    return undefined;
  }

  /** Frees what {@link arriving} reserved: the request has arrived, or never will. */
  arrived(bytes: number): void {
    this.#arrivingBytes -= bytes;
  }

  /** Creates a request from `submission` and counts its bytes. */
  add(submission: Submission, caller: Caller, callId: number, now: number): Request {
    const request = this.#spare.pop() ?? new Request(this.#formatId);
    request.begin(this.live.nextSeq(), submission, now, caller, callId);
    this.live.add(request);
    this.heldBytes += request.bytes;
    return request;
  }

  /**
   * Why `request`, which was just added, must be refused even if a worker is idle for it; undefined
   * if there is no reason.
   */
  refusal(request: Request, peer: Peer | undefined): Refusal | undefined {
    const { maxPayloadBytes, maxHeldBytes, maxUnreadBytes } = this.#limits;
    const { payload, runTimeoutMs } = request;
    if (payload.length > maxPayloadBytes) {
      const message = `the payload has ${payload.length} bytes, more than ${maxPayloadBytes}`;
      return ["PAYLOAD_TOO_LARGE", message];
    }
    if (runTimeoutMs !== undefined && runTimeoutMs < MIN_TIME_LEFT_MS) {
      return ["RUN_TIMEOUT", "the run timeout leaves no time to run"];
    }
    if (this.draining) return ["DRAINING", "the hub is shutting down"];
    if (peer !== undefined && this.unread.of(peer) > maxUnreadBytes) {
      const message = `the caller has not read ${this.unread.of(peer)} bytes of answers`;
      return ["SLOW_READER", message];
    }
    if (this.#allBytes > maxHeldBytes) return ["HELD_BYTES_FULL", this.#fullMessage];
    return undefined;
  }

  /** Settles `request`, which must be neither queued nor with a worker. */
  settle(request: Request): void {
    request.state = "settled";
    this.live.delete(request);
    this.heldBytes -= request.bytes;
    request.payload = "";
  }

  /** The caller of a settled request has its outcome: the object may be reused. */
  release(request: Request): void {
    if (this.#spare.length >= MAX_SPARE) return;
    request.clear();
    this.#spare.push(request);
  }

  /** The bytes that are held, unread, or still arriving. */
  get #allBytes(): number {
    return this.heldBytes + this.unread.bytes + this.#arrivingBytes;
  }

  get #fullMessage(): string {
    return `the hub is at its limit of ${this.#limits.maxHeldBytes} held bytes`;
  }
}
