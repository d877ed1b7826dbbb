import type { StatusObject } from "@grpc/grpc-js";
import type { Peer } from "../core/requests/unread.js";
import type { Identity } from "./identity.js";

/** The hub's side of one gRPC call, as its handler sees it. */
export interface ServerCall {
  /** `/package.Service/Method`. */
  readonly path: string;
  /** The identity of the caller. */
  readonly identity: Identity;
  /** The connection on which the call arrived. */
  readonly peer: Peer;
  /** The `grpc-timeout` that its caller set, in milliseconds: NaN if malformed, undefined if absent. */
  readonly timeoutMs: number | undefined;
  /** The values of a header; bytes if its name ends in `-bin`. */
  header(key: string): Uint8Array[];
  /**
   * Sends a message. Returns false if the socket is full; `onDrain` then follows. `onTaken` is
   * called when the message has left this process, or never will.
   */
  write(message: Buffer, onTaken?: () => void): boolean;
  /** Ends the call: with OK, or with a status. */
  end(status?: StatusObject): void;
  /** Sends the last message and ends the call with OK. */
  respond(message: Buffer): void;
  /** Ends the call before its peer has sent everything, and tells the peer to stop. */
  refuse(status: StatusObject): void;
  /** Resets the call because its peer is not reading: RESOURCE_EXHAUSTED in gRPC's mapping. */
  abandon(): void;
  /** Stops reading, except for what has already arrived. */
  pause(): void;
  resume(): void;
}

/** What a call reports to its handler. */
export interface CallListener {
  /** A message of about `bytes` bytes has begun to arrive and is not complete yet. */
  onAwaited?(bytes: number): void;
  onMessage(message: Buffer): void;
  /** The peer has closed its side, or is lost: only later events show which. */
  onHalfClose(): void;
  /** The socket can take more data again. */
  onDrain?(): void;
  /** Called exactly once, after everything else: the call has ended, for whatever reason. */
  onClose(): void;
}

/** Begins to serve a call; returns its listener. */
export type CallHandler = (call: ServerCall) => CallListener;

/** The listener of a refused call: whatever still arrives is ignored. */
export const refused: CallListener = { onMessage() {}, onHalfClose() {}, onClose() {} };
