import type { RequestOptions } from "../base/options/common-options.js";
import type { Data } from "../wire/payload/payload.js";

/** A request as it is sent, perhaps more than once. */
export interface OutgoingCall {
  input: unknown;
  /** As the caller gave them, checked. */
  options: RequestOptions;
  /** When the whole call is over, on the client's clock. */
  until: number;
}

/** What the hub responds to it, decoded. */
export interface IncomingResponse {
  output: Data;
  info: {
    requestId: string;
    workerId: string;
    attempts: number;
    queueTimeMs: number;
    runTimeMs: number;
  };
}

/** Sends calls to the hub by one of its RPCs. */
export interface Transport {
  /**
   * Sends a call once.
   *
   * @throws TypeError if the input cannot be sent; GibbsError with the outcome,
   * whose execution is NOT_STARTED if nothing was sent.
   */
  send(call: OutgoingCall): Promise<IncomingResponse>;

  /** Ends every open call as CANCELLED / CLIENT_CLOSED, and takes no more. */
  close(): void;
}

/**
 * The hub answers at the deadline, with the reason; only when it does not answer
 * at all does the client give up, this much later. In milliseconds.
 */
export const RESPONSE_GRACE_MS = 1000;
