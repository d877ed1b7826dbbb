import type { Clock } from "../base/clock.js";
import { ConnectedTransport } from "./connected-transport.js";
import type { Connector } from "./connection/connector.js";
import { MultiplexStream } from "./multiplex-stream.js";
import type { PendingCall } from "./pending-call.js";

/** The part of a connection that the transport needs. */
export type MultiplexConnection = Pick<
  Connector,
  "ready" | "onLeft" | "openMultiplex" | "detach" | "current" | "avoid"
>;

/**
 * Sends all calls over as few streams as the hub allows; calls made in the same turn share a write.
 * When a connection is going away, its streams finish the calls that they have sent.
 */
export class MultiplexTransport extends ConnectedTransport {
  readonly #connection: MultiplexConnection;
  readonly #clock: Clock;
  readonly #streams = new Set<MultiplexStream>();
  readonly #maxPayloadBytes: number;
  readonly #firstId: number;

  /**
   * @param firstId the id of the first call on each stream; ids count up from there and wrap
   * around.
   */
  constructor(connection: MultiplexConnection, clock: Clock, maxPayloadBytes: number, firstId = 1) {
    super(connection, clock);
    this.#connection = connection;
    this.#maxPayloadBytes = maxPayloadBytes;
    this.#firstId = firstId;
    this.#clock = clock;
    connection.onLeft(() => this.#leave());
  }

  override close(): void {
    super.close();
    for (const stream of this.#streams) stream.close();
  }

  protected tryStart(pending: PendingCall): boolean {
    for (const stream of this.#streams) {
      if (!stream.hasRoom) continue;
      stream.add(pending);
      return true;
    }
    return false;
  }

  protected start(pending: PendingCall): void {
    if (!this.tryStart(pending)) this.#open().add(pending);
  }

  /** Moves the calls that were not sent to another connection. */
  #leave(): void {
    const unsent = Array.from(this.#streams, (stream) => {
      const { isOpen } = stream;
      const calls = stream.leave();
      // Only a server that has shown to be a hub ends the wait for one.
      if (isOpen) for (const pending of calls) pending.waitingSince = undefined;
      return calls;
    });
    for (const pending of unsent.flat()) this.place(pending);
  }

  #open(): MultiplexStream {
    const grpc = this.#connection.openMultiplex();
    const { current } = this.#connection;
    const limits = { maxPayloadBytes: this.#maxPayloadBytes, firstId: this.#firstId };
    const stream: MultiplexStream = new MultiplexStream(grpc, this.#clock, limits, {
      onDetachable: () => this.#connection.detach(),
      onHubLeaving: (restMs) => this.#connection.avoid(current, restMs),
      onOverflow: (pending) => this.place(pending),
      onEnd: () => this.#streams.delete(stream),
    });
    this.#streams.add(stream);
    return stream;
  }
}
