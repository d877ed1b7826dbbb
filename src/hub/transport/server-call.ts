import type { StatusObject } from "@grpc/grpc-js";
import type { Peer } from "../core/requests/unread.js";
import type { Identity } from "./identity.js";

/** The hub's side of one gRPC call, as the code that serves it sees it. */
export interface ServerCall {
  /** `/package.Service/Method`. */
  readonly path: string;
  /** Who makes it. */
  readonly identity: Identity;
  /** The connection that it came on. */
  readonly peer: Peer;
  /** The `grpc-timeout` that its caller set, in milliseconds: NaN if malformed, undefined if absent. */
  readonly timeoutMs: number | undefined;
  /** The values of a header; bytes of one that ends in `-bin`. */
  header(key: string): Uint8Array[];
  /**
   * Sends a message. Returns false if the socket is full: `onDrain` follows.
   * `onTaken` is called when the message has left this process, or never will.
   */
  write(message: Buffer, onTaken?: () => void): boolean;
  /** Ends the call: with OK, or with a status. */
  end(status?: StatusObject): void;
  /** Sends the last message and ends the call with OK. */
  respond(message: Buffer): void;
  /** Ends the call before its peer has sent all, and tells that to stop. */
  refuse(status: StatusObject): void;
  /** Resets the call, whose peer does not read: as RESOURCE_EXHAUSTED in gRPC's mapping. */
  abandon(): void;
  /** Reads no further, but for what has arrived already. */
  pause(): void;
  resume(): void;
}

/** What a call tells the code that serves it. */
export interface CallListener {
  /** A message of about so many bytes has begun to arrive and is not there yet. */
  onAwaited?(bytes: number): void;
  onMessage(message: Buffer): void;
  /** The peer has closed its side, or is lost: which, only what follows can tell. */
  onHalfClose(): void;
  /** The socket takes more again. */
  onDrain?(): void;
  /** Once and last: the call is over, however that came. */
  onClose(): void;
}

/** Serves a call of one method. */
export type CallHandler = (call: ServerCall) => CallListener;

/** Listens to a call that was refused: what still arrives is of no interest. */
export const refused: CallListener = { onMessage() {}, onHalfClose() {}, onClose() {} };
