import type { Clock } from "../base/clock.js";
import { GibbsError, messageOf } from "../base/error.js";
import { CallStream } from "./call-stream.js";
import type { HubConnection } from "./connection.js";
import { type GivenUp, givenUp } from "./failure.js";
import { PendingCall } from "./pending-call.js";
import type { IncomingAnswer, OutgoingCall, Transport } from "./transport.js";

/** What Multiplex needs of a connection. */
export type MultiplexConnection = Pick<HubConnection, "ready" | "openMultiplex">;

/** All calls on as few streams as the hub allows: what happens in one turn of the event loop is one write. */
export class Multiplex implements Transport {
  readonly #connection: MultiplexConnection;
  readonly #clock: Clock;
  readonly #streams = new Set<CallStream>();
  /** Calls that wait for a connection. */
  readonly #waiting = new Set<PendingCall>();
  readonly #maxPayloadBytes: number;
  readonly #firstId: number;
  #closed = false;

  /** `firstId`: of the first call on each stream; ids count up from there, and around. */
  constructor(connection: MultiplexConnection, clock: Clock, maxPayloadBytes: number, firstId = 1) {
    this.#connection = connection;
    this.#maxPayloadBytes = maxPayloadBytes;
    this.#firstId = firstId;
    this.#clock = clock;
  }

  send(call: OutgoingCall): Promise<IncomingAnswer> {
    return new Promise((resolve, reject) => {
      const over = this.#isOver(call);
      if (over !== undefined) {
        const { requestId, signal } = call.options;
        return reject(givenUp(over, "NOT_STARTED", requestId, signal?.reason));
      }
      this.#place(new PendingCall(call, this.#clock, resolve, reject));
    });
  }

  close(): void {
    this.#closed = true;
    for (const pending of this.#waiting) pending.giveUp("CLIENT_CLOSED");
    for (const stream of this.#streams) stream.close();
  }

  #isOver(call: OutgoingCall): GivenUp | undefined {
    if (this.#closed) return "CLIENT_CLOSED";
    return call.options.signal?.aborted ? "CLIENT_CANCELLED" : undefined;
  }

  #place(pending: PendingCall): void {
    const stream = this.#withRoom();
    if (stream === undefined) void this.#connect(pending);
    else stream.add(pending);
  }

  #withRoom(): CallStream | undefined {
    for (const stream of this.#streams) if (stream.hasRoom) return stream;
    return undefined;
  }

  async #connect(pending: PendingCall): Promise<void> {
    this.#waiting.add(pending);
    try {
      await this.#connection.ready(pending.call.until, pending.call.options.signal);
      if (!pending.isSettled) (this.#withRoom() ?? this.#open()).add(pending);
    } catch (error) {
      pending.fail(error instanceof GibbsError ? error : internal(error));
    } finally {
      this.#waiting.delete(pending);
    }
  }

  #open(): CallStream {
    const grpc = this.#connection.openMultiplex();
    const limits = { maxPayloadBytes: this.#maxPayloadBytes, firstId: this.#firstId };
    const stream: CallStream = new CallStream(grpc, this.#clock, limits, {
      onOverflow: (pending) => this.#place(pending),
      onEnd: () => this.#streams.delete(stream),
    });
    this.#streams.add(stream);
    return stream;
  }
}

function internal(error: unknown): GibbsError {
  const details = { reason: "INTERNAL", execution: "NOT_STARTED", cause: error } as const;
  return new GibbsError("INTERNAL", messageOf(error), details);
}
