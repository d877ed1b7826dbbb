import { type StatusObject, status } from "@grpc/grpc-js";
import { ANONYMOUS } from "../../../src/hub/transport/identity.js";
import type {
  CallHandler,
  CallListener,
  ServerCall as HubCall,
} from "../../../src/hub/transport/server-call.js";
import { bareStatus, type Connection } from "./connection.js";

/** Observes what a hub does with a stream. */
export interface StreamObserver {
  /** Called before the hub reads a message. */
  received(encoded: Buffer): void;
  /** Called before the hub learns that the peer closed its side. */
  halfClosed(): void;
  /** Called before the hub learns that the connection broke or the peer cancelled the call. */
  lost(): void;
  /** Called before the hub learns that the socket accepts data again. */
  drained(): void;
  wrote(encoded: Buffer, isFull: boolean): void;
  /** Called before the hub learns that the peer has read a message. */
  taken?(encoded: Buffer): void;
  /** Called when the hub ends the call; with OK if `status` is undefined. */
  ended(status: StatusObject | undefined): void;
  /** Called when the hub resets the call. */
  reset?(): void;
  /** Whether the hub holds this job at this worker. */
  holds?(jobId: number): boolean;
}

/**
 * The hub's end of a `Work` or `Multiplex` call: the counterpart of `src/hub/http2-call` on real
 * sockets.
 */
export class ServerCall implements HubCall {
  readonly path = "";
  readonly identity = ANONYMOUS;
  readonly peer = {};
  readonly timeoutMs = undefined;
  observer: StreamObserver | undefined;
  /** Whether the socket currently accepts no more data. */
  isFull = false;
  /** Whether the hub has paused reading. */
  isPaused = false;
  readonly #connection: Connection;
  readonly #highWaterBytes: number;
  #listener: CallListener | undefined;
  #isEnded = false;

  /** `highWaterBytes`: with more unread bytes than this, the socket is full. */
  constructor(connection: Connection, highWaterBytes: number) {
    this.#connection = connection;
    this.#highWaterBytes = highWaterBytes;
  }

  /** Starts serving the call. */
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
    throw new Error("a stream's handler must not answer with its end");
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

  /**
   * Receives a message from the peer. A forged one is dropped if it names a job that the worker
   * does have.
   */
  receive(encoded: Buffer, forgedJob: number | undefined): void {
    if (this.#isEnded) return;
    if (forgedJob !== undefined && this.observer?.holds?.(forgedJob)) return;
    this.observer?.received(encoded);
    this.#listener?.onMessage(encoded);
  }

  /** Called when the peer has read everything written. */
  drained(): void {
    if (!this.isFull) return;
    this.isFull = false;
    this.observer?.drained();
    this.#listener?.onDrain?.();
  }

  /** Called when the peer has closed its side. */
  halfClosed(): void {
    if (this.#isEnded) return;
    this.observer?.halfClosed();
    this.#listener?.onHalfClose();
  }

  /** Called when the peer has read the end of the call. */
  closed(): void {
    this.#listener?.onClose();
  }

  /** Called when the connection has broken. */
  lost(): void {
    this.observer?.lost();
    if (!this.#isEnded) this.#listener?.onHalfClose();
    this.#listener?.onClose();
  }
}
