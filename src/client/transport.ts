import type { RequestOptions } from "../base/options.js";
import type { PayloadKind } from "../wire/payload.js";
import type { WireRequestOptions } from "../wire/request-options.js";

/** A request as it is sent, perhaps more than once. */
export interface OutgoingCall {
  kind: PayloadKind;
  method: string;
  options: WireRequestOptions;
  metadata: RequestOptions["metadata"];
  /** When the whole call is over, on the client's clock. */
  until: number;
  /** Gives it up. */
  signal: AbortSignal | undefined;
}

/** Its answer. */
export interface IncomingAnswer {
  kind: PayloadKind;
  info: {
    requestId: string;
    workerId: string;
    attempts: number;
    queueTimeMs: number;
    runTimeMs: number;
  };
}

/** A way to the hub. */
export interface Transport {
  /**
   * Sends a call once.
   *
   * @throws GibbsError with the outcome; its execution is NOT_STARTED if nothing
   * was sent.
   */
  send(call: OutgoingCall): Promise<IncomingAnswer>;

  /** Ends every open call as CANCELLED / CLIENT_CLOSED, and takes no more. */
  close(): void;
}

/**
 * The hub answers at the deadline, with the reason; only when it does not answer
 * at all does the client give up, this much later. In milliseconds.
 */
export const ANSWER_GRACE_MS = 1000;
