import { onAbort } from "../base/abort.js";
import type { Bagged } from "../base/bag.js";
import type { Clock, Timer } from "../base/clock.js";
import type { GibbsError } from "../base/error.js";
import { type EncodedPayload, encodePayload } from "../wire/payload.js";
import { type GivenUp, givenUp } from "./failure.js";
import { ANSWER_GRACE_MS, type IncomingAnswer, type OutgoingCall } from "./transport.js";

/** A call of a Multiplex stream, from its caller's side: settled once. */
export class PendingCall implements Bagged {
  readonly call: OutgoingCall;
  readonly payload: EncodedPayload;
  /** Whether it was given to the transport: from then on it may run. */
  written = false;
  isSettled = false;
  bagIndex = -1;
  /** Tells whoever has it that its caller has gone. */
  onGivenUp: () => void = () => {};
  readonly #timer: Timer;
  readonly #stopListening: () => void;
  readonly #resolve: (answer: IncomingAnswer) => void;
  readonly #reject: (error: GibbsError) => void;

  constructor(
    call: OutgoingCall,
    clock: Clock,
    resolve: (answer: IncomingAnswer) => void,
    reject: (error: GibbsError) => void,
  ) {
    this.call = call;
    this.payload = encodePayload(call.input);
    this.#resolve = resolve;
    this.#reject = reject;
    const patienceMs = call.until - clock.now() + ANSWER_GRACE_MS;
    this.#timer = clock.setTimer(patienceMs, () => this.giveUp("NO_ANSWER"));
    this.#stopListening = onAbort(call.options.signal, () => this.giveUp("CLIENT_CANCELLED"));
  }

  get requestId(): string | undefined {
    return this.call.options.requestId;
  }

  answer(answer: IncomingAnswer): void {
    if (this.#settle()) this.#resolve(answer);
  }

  fail(error: GibbsError): void {
    if (this.#settle()) this.#reject(error);
  }

  /** Ends the call from this side. */
  giveUp(why: GivenUp): void {
    if (!this.#settle()) return;
    const execution = this.written ? "UNKNOWN" : "NOT_STARTED";
    this.#reject(givenUp(why, execution, this.requestId, this.call.options.signal?.reason));
    this.onGivenUp();
  }

  #settle(): boolean {
    if (this.isSettled) return false;
    this.isSettled = true;
    this.#timer.cancel();
    this.#stopListening();
    return true;
  }
}
