import { EventEmitter } from "node:events";
import type { ServerDuplexStream, StatusObject } from "@grpc/grpc-js";
import type { Connection } from "./connection.js";

/** Who watches what a hub does with a stream. */
export interface StreamObserver {
  /** A message is about to be read. */
  received(encoded: Buffer): void;
  /** The peer closed its side, or the connection broke: about to be told. */
  peerGone(): void;
  /** The socket takes more again: about to be told. */
  drained(): void;
  wrote(encoded: Buffer, isFull: boolean): void;
  /** The hub ended the call, with OK if there is no status. */
  ended(status: StatusObject | undefined): void;
  /** Whether the hub holds such a job at this worker. */
  holds(jobId: number): boolean;
}

/**
 * The hub's end of a `Work` call, as far as `src/hub/worker-stream` uses
 * grpc-js: its events in grpc-js's order, a status by `emit("error")`.
 */
export class ServerCall extends EventEmitter {
  observer: StreamObserver | undefined;
  /** Whether the socket takes no more for now. */
  isFull = false;
  readonly #connection: Connection;
  readonly #highWaterBytes: number;
  #isEnded = false;

  /** `highWaterBytes`: what the socket takes at once. */
  constructor(connection: Connection, highWaterBytes: number) {
    super();
    this.#connection = connection;
    this.#highWaterBytes = highWaterBytes;
    this.on("error", (status: StatusObject) => this.#end(status));
  }

  /** The call as the hub's code takes it. */
  get asStream(): ServerDuplexStream<Buffer, Buffer> {
    return this as unknown as ServerDuplexStream<Buffer, Buffer>;
  }

  /** Returns false if the socket is full; `drain` follows. */
  write(encoded: Buffer): boolean {
    if (this.#isEnded) return false;
    const unread = this.#connection.writeDown(encoded);
    this.isFull ||= unread > this.#highWaterBytes;
    this.observer?.wrote(encoded, this.isFull);
    return !this.isFull;
  }

  end(): void {
    this.#end(undefined);
  }

  /** A message of the worker arrives. A forged one that guessed right would be none. */
  receive(encoded: Buffer, forgedJob: number | undefined): void {
    if (forgedJob !== undefined && this.observer?.holds(forgedJob)) return;
    this.observer?.received(encoded);
    this.emit("data", encoded);
  }

  /** The worker has read all that was written. */
  drained(): void {
    if (!this.isFull) return;
    this.isFull = false;
    this.observer?.drained();
    this.emit("drain");
  }

  /** The worker closed its side. */
  halfClosed(): void {
    this.observer?.peerGone();
    this.emit("end");
  }

  /** The worker has read the end of the call. */
  closed(): void {
    this.emit("end");
    this.emit("close");
  }

  /** The connection broke. */
  lost(): void {
    this.observer?.peerGone();
    this.emit("end");
    this.emit("cancelled");
    this.emit("close");
  }

  #end(status: StatusObject | undefined): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.observer?.ended(status);
    this.#connection.endDown(status);
  }
}
