import { onAbort } from "../base/abort.js";
import type { Clock, Timer } from "../base/clock.js";
import type { Bagged } from "../base/containers/bag.js";
import type { GibbsError } from "../base/errors/error.js";
import { malformedResult } from "../base/errors/failures.js";
import { gibbsError } from "../base/errors/reasons.js";
import {
  type Data,
  decodePayload,
  type EncodedPayload,
  encodePayload,
} from "../wire/payload/payload.js";
import { type GivenUp, givenUp, responseTooLarge } from "./failure.js";
import { type IncomingResponse, type OutgoingCall, RESPONSE_GRACE_MS } from "./transport.js";

/**
 * One send of a request, as seen by its caller.
 *
 * | from | event | to |
 * |---|---|---|
 * | waiting | it is handed to the transport | sent: from now on it may run |
 * | waiting, sent | a response, a failure, or the caller gives up | settled |
 */
export class PendingCall implements Bagged {
  readonly call: OutgoingCall;
  readonly payload: EncodedPayload;
  bagIndex = -1;
  /** Since when it has waited for a hub, on the client's clock; undefined once there was one. */
  waitingSince: number | undefined = undefined;
  /** Called when the caller gives up, with whether the call had already been sent. */
  onGivenUp: (wasSent: boolean) => void = () => {};
  // A literal rather than an object, for speed: every request goes through all three states.
  #state: "waiting" | "sent" | "settled" = "waiting";
  readonly #timer: Timer;
  readonly #stopListening: () => void;
  readonly #resolve: (response: IncomingResponse) => void;
  readonly #reject: (error: GibbsError) => void;

  constructor(
    call: OutgoingCall,
    clock: Clock,
    resolve: (response: IncomingResponse) => void,
    reject: (error: GibbsError) => void,
  ) {
    this.call = call;
    this.payload = encodePayload(call.input);
    this.#resolve = resolve;
    this.#reject = reject;
    const patienceMs = call.until - clock.now() + RESPONSE_GRACE_MS;
    this.#timer = clock.setTimer(patienceMs, () => this.giveUp("NO_ANSWER"));
    this.#stopListening = onAbort(call.options.signal, () => this.giveUp("CLIENT_CANCELLED"));
  }

  get requestId(): string | undefined {
    return this.call.options.requestId;
  }

  /** Whether it was not handed to the transport and has no outcome yet. */
  get isWaiting(): boolean {
    return this.#state === "waiting";
  }

  /** Whether it was handed to the transport and has no outcome yet. */
  get isSent(): boolean {
    return this.#state === "sent";
  }

  get isSettled(): boolean {
    return this.#state === "settled";
  }

  /**
   * Marks the call as handed to the transport.
   *
   * @throws GibbsError INTERNAL / INTERNAL if it was already sent or settled.
   */
  sending(): void {
    if (this.#state !== "waiting") {
      const message = `a call that is ${this.#state} cannot be sent`;
      throw gibbsError("INTERNAL", message);
    }
    this.#state = "sent";
  }

  /** Resolves the call. Fails it if the output is malformed or larger than `maxPayloadBytes`. */
  respond(payload: Uint8Array, info: IncomingResponse["info"], maxPayloadBytes: number): void {
    if (this.isSettled) return;
    if (payload.length > maxPayloadBytes) {
      return this.fail(responseTooLarge(this.requestId, payload.length, maxPayloadBytes));
    }
    let output: Data;
    try {
      output = decodePayload(payload);
    } catch (error) {
      return this.fail(malformedResult(error, { requestId: this.requestId }));
    }
    this.#settle();
    this.#resolve({ output, info });
  }

  fail(error: GibbsError): void {
    if (this.isSettled) return;
    this.#settle();
    this.#reject(error);
  }

  /** Ends the call from this side. */
  giveUp(why: GivenUp): void {
    if (this.isSettled) return;
    const wasSent = this.isSent;
    this.#settle();
    const execution = wasSent ? "UNKNOWN" : "NOT_STARTED";
    this.#reject(givenUp(why, execution, this.requestId, this.call.options.signal?.reason));
    this.onGivenUp(wasSent);
  }

  #settle(): void {
    this.#state = "settled";
    this.#timer.cancel();
    this.#stopListening();
  }
}
