import { EventEmitter } from "node:events";
import { type ServerDuplexStream, type StatusObject, status } from "@grpc/grpc-js";
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

/**
 * The hub's end of a `Work` or `Multiplex` call, as far as `src/hub/worker-stream`
 * and `src/hub/multiplex-stream` use grpc-js: its events in grpc-js's order, a
 * status by `emit("error")`.
 */
export class ServerCall extends EventEmitter {
  observer: StreamObserver | undefined;
  /** Whether the socket takes no more for now. */
  isFull = false;
  /** Whether the hub reads nothing for now. */
  isPaused = false;
  /** What `src/hub/grpc-internals` reaches for: the HTTP/2 stream, to be reset. */
  readonly call = { stream: { close: () => this.#reset() } };
  readonly #connection: Connection;
  readonly #highWaterBytes: number;
  #isEnded = false;

  /** `highWaterBytes`: what the socket takes at once. */
  constructor(connection: Connection, highWaterBytes: number) {
    super();
    this.#connection = connection;
    this.#highWaterBytes = highWaterBytes;
    this.on("error", (how: StatusObject) => this.#end(how));
  }

  /** The call as the hub's code takes it. */
  get asStream(): ServerDuplexStream<Buffer, Buffer> {
    return this as unknown as ServerDuplexStream<Buffer, Buffer>;
  }

  /** Returns false if the socket is full; `drain` follows. `onTaken`: the peer has read it. */
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

  end(): void {
    this.#end(undefined);
  }

  /** A message of the peer arrives. A forged one that guessed right would be none. */
  receive(encoded: Buffer, forgedJob: number | undefined): void {
    if (forgedJob !== undefined && this.observer?.holds?.(forgedJob)) return;
    this.observer?.received(encoded);
    this.emit("data", encoded);
  }

  /** The peer has read all that was written. */
  drained(): void {
    if (!this.isFull) return;
    this.isFull = false;
    this.observer?.drained();
    this.emit("drain");
  }

  /** The peer closed its side. */
  halfClosed(): void {
    this.observer?.halfClosed();
    this.emit("end");
  }

  /** The peer has read the end of the call. */
  closed(): void {
    this.emit("end");
    this.emit("close");
  }

  /** The connection broke. */
  lost(): void {
    this.observer?.lost();
    this.emit("end");
    this.emit("cancelled");
    this.emit("close");
  }

  #end(how: StatusObject | undefined): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.observer?.ended(how);
    this.#connection.endDown(how);
  }

  #reset(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.observer?.reset?.();
    const details = "Bandwidth exhausted or memory limit exceeded";
    this.#connection.resetDown(bareStatus(status.RESOURCE_EXHAUSTED, details));
  }
}
