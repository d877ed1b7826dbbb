import { type StatusObject, status } from "@grpc/grpc-js";
import { ANONYMOUS } from "../../../src/hub/transport/identity.js";
import type {
  CallHandler,
  CallListener,
  ServerCall as HubCall,
} from "../../../src/hub/transport/server-call.js";
import { bareStatus, type Connection } from "./connection.js";

/** Who watches what a hub does with a stream. */
export interface StreamObserver {
  /** A message is about to be read. */
  received(encoded: Buffer): void;
  /** The peer closed its side: about to be told. */
  halfClosed(): void;
  /** The connection broke, or the peer gave the call up: about to be told. */
  lost(): void;
  /** The socket takes more again: about to be told. */
  drained(): void;
  wrote(encoded: Buffer, isFull: boolean): void;
  /** The peer has read a message: about to be told. */
  taken?(encoded: Buffer): void;
  /** The hub ended the call, with OK if there is no status. */
  ended(status: StatusObject | undefined): void;
  /** The hub reset the call. */
  reset?(): void;
  /** Whether the hub holds such a job at this worker. */
  holds?(jobId: number): boolean;
}

/** The hub's end of a `Work` or `Multiplex` call: what `src/hub/http2-call` is on real sockets. */
export class ServerCall implements HubCall {
  readonly path = "";
  readonly identity = ANONYMOUS;
  readonly peer = {};
  readonly timeoutMs = undefined;
  observer: StreamObserver | undefined;
  /** Whether the socket takes no more for now. */
  isFull = false;
  /** Whether the hub reads nothing for now. */
  isPaused = false;
  readonly #connection: Connection;
  readonly #highWaterBytes: number;
  #listener: CallListener | undefined;
  #isEnded = false;

  /** `highWaterBytes`: what the socket takes at once. */
  constructor(connection: Connection, highWaterBytes: number) {
    this.#connection = connection;
    this.#highWaterBytes = highWaterBytes;
  }

  /** Has the call served. */
  serve(handler: CallHandler): void {
    this.#listener = handler(this);
  }

  header(): never[] {
    return [];
  }

  write(encoded: Buffer, onTaken?: () => void): boolean {
    if (this.#isEnded) return false;
    const taken = (): void => {
      this.observer?.taken?.(encoded);
      onTaken?.();
    };
    const unread = this.#connection.writeDown(encoded, onTaken && taken);
    this.isFull ||= unread > this.#highWaterBytes;
    this.observer?.wrote(encoded, this.isFull);
    return !this.isFull;
  }

  pause(): void {
    this.isPaused = true;
    this.#connection.holdUp(true);
  }

  resume(): void {
    this.isPaused = false;
    this.#connection.holdUp(false);
  }

  end(how?: StatusObject): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.observer?.ended(how);
    this.#connection.endDown(how);
  }

  respond(): never {
    throw new Error("no handler of a stream answers with its end");
  }

  refuse(how: StatusObject): void {
    this.end(how);
  }

  abandon(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.observer?.reset?.();
    const details = "Bandwidth exhausted or memory limit exceeded";
    this.#connection.resetDown(bareStatus(status.RESOURCE_EXHAUSTED, details));
  }

  /** A message of the peer arrives. A forged one that guessed right would be none. */
  receive(encoded: Buffer, forgedJob: number | undefined): void {
    if (this.#isEnded) return;
    if (forgedJob !== undefined && this.observer?.holds?.(forgedJob)) return;
    this.observer?.received(encoded);
    this.#listener?.onMessage(encoded);
  }

  /** The peer has read all that was written. */
  drained(): void {
    if (!this.isFull) return;
    this.isFull = false;
    this.observer?.drained();
    this.#listener?.onDrain?.();
  }

  /** The peer closed its side. */
  halfClosed(): void {
    if (this.#isEnded) return;
    this.observer?.halfClosed();
    this.#listener?.onHalfClose();
  }

  /** The peer has read the end of the call. */
  closed(): void {
    this.#listener?.onClose();
  }

  /** The connection broke. */
  lost(): void {
    this.observer?.lost();
    if (!this.#isEnded) this.#listener?.onHalfClose();
    this.#listener?.onClose();
  }
}
