import type { RequestOptions } from "../base/options/common-options.js";
import type { Data } from "../wire/payload/payload.js";

/** A request to be sent, possibly more than once. */
export interface OutgoingCall {
  input: unknown;
  /** The caller's options, already checked. */
  options: RequestOptions;
  /** The deadline of the whole call, on the client's clock. */
  until: number;
}

/** The hub's decoded response. */
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

/** Sends calls to the hub over one of its RPCs. */
export interface Transport {
  /**
   * Sends a call once.
   *
   * @throws TypeError if the input cannot be sent; GibbsError with the outcome,
   * whose execution is NOT_STARTED if nothing was sent.
   */
  send(call: OutgoingCall): Promise<IncomingResponse>;

  /** Ends every open call as CANCELLED / CLIENT_CLOSED, and accepts no more. */
  close(): void;
}

/**
 * How long after the deadline the client gives up, in milliseconds. Normally the hub responds at
 * the deadline, giving the reason; this is for a hub that does not respond at all.
 */
export const RESPONSE_GRACE_MS = 1000;
