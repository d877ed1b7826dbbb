import { EventEmitter } from "node:events";
import { type ClientDuplexStream, type StatusObject, status } from "@grpc/grpc-js";
import { bareStatus, Connection, type HubEnd, type PeerEnd } from "./connection.js";
import type { Path } from "./pipe.js";
import type { SimProcess } from "./process.js";
import type { Timeline } from "./timeline.js";

/** Observes what a client does with a stream. */
export interface ClientCallObserver {
  wrote(encoded: Buffer): void;
  /** Called before the client reads a message. */
  heard(encoded: Buffer): void;
  /** Called when the client knows that the connection is going away. */
  left(): void;
  /**
   * Called before the client learns that the stream has ended. `status` is undefined after a clean
   * end.
   */
  over(status: StatusObject | undefined): void;
}

/** The machine a call comes from. */
export interface ClientMachine {
  timeline: Timeline;
  process: SimProcess;
  path: Path;
  /** With more unread bytes than this, the socket is full. */
  highWaterBytes: number;
}

/**
 * The client's end of a `Multiplex` call: the part of grpc-js that `src/client/call-stream` uses,
 * with events in the same order.
 */
export class ClientCall extends EventEmitter implements PeerEnd {
  readonly process: SimProcess;
  readonly path: Path;
  readonly connection: Connection;
  observer: ClientCallObserver | undefined;
  isFull = false;
  isOver = false;
  isHalfClosed = false;
  /** Whether the client knows that the connection is going away. */
  isGoingAway = false;
  readonly #highWaterBytes: number;

  /** Opens the call; `hubNow` returns the hub that is listening when it arrives. */
  constructor(machine: ClientMachine, hubNow: () => HubEnd | undefined) {
    super();
    this.process = machine.process;
    this.path = machine.path;
    this.#highWaterBytes = machine.highWaterBytes;
    this.connection = new Connection(machine.timeline, this, hubNow);
  }

  /** This call, as the type that the client's code expects. */
  get asStream(): ClientDuplexStream<Buffer, Buffer> {
    return this as unknown as ClientDuplexStream<Buffer, Buffer>;
  }

  /** Whether the socket is full; if so, `drain` follows. */
  get writableNeedDrain(): boolean {
    return this.isFull;
  }

  /** Returns false if the socket is full. */
  write(encoded: Buffer): boolean {
    if (this.isHalfClosed) throw new Error("write after end");
    const unreadBytes = this.connection.write(encoded);
    this.isFull ||= unreadBytes > this.#highWaterBytes;
    this.observer?.wrote(encoded);
    return !this.isFull;
  }

  end(): void {
    if (this.isHalfClosed) return;
    this.isHalfClosed = true;
    this.connection.halfClose();
  }

  cancel(): void {
    this.connection.cancel();
  }

  onMessage(encoded: Buffer): void {
    this.observer?.heard(encoded);
    this.emit("data", encoded);
  }

  onDrain(): void {
    if (!this.isFull) return;
    this.isFull = false;
    this.emit("drain");
  }

  onEnd(how: StatusObject | undefined): void {
    this.isOver = true;
    this.observer?.over(how);
    if (how !== undefined) this.emit("error", Object.assign(new Error(how.details), how));
    this.emit("status", how ?? bareStatus(status.OK, "OK"));
    this.emit("end");
  }
}
