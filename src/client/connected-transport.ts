import type { Clock } from "../base/clock.js";
import { GibbsError } from "../base/errors/error.js";
import { internal } from "../base/errors/failures.js";
import type { Connector } from "./connection/connector.js";
import { type GivenUp, givenUp } from "./failure.js";
import { PendingCall } from "./pending-call.js";
import type { IncomingResponse, OutgoingCall, Transport } from "./transport.js";

/** The base of all transports: calls wait until there is a connection. */
export abstract class ConnectedTransport implements Transport {
  readonly #connection: Pick<Connector, "ready">;
  readonly #clock: Clock;
  /** Calls that are waiting for a connection. */
  readonly #waiting = new Set<PendingCall>();
  #closed = false;

  constructor(connection: Pick<Connector, "ready">, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
  }

  /** Starts the call if that is possible now; returns whether it was. */
  protected abstract tryStart(pending: PendingCall): boolean;

  /** Starts the call on an established connection. */
  protected abstract start(pending: PendingCall): void;

  send(call: OutgoingCall): Promise<IncomingResponse> {
    return new Promise((resolve, reject) => {
      const over = this.#isOver(call);
      if (over !== undefined) {
        const { requestId, signal } = call.options;
        return reject(givenUp(over, "NOT_STARTED", requestId, signal?.reason));
      }
      this.place(new PendingCall(call, this.#clock, resolve, reject));
    });
  }

  close(): void {
    this.#closed = true;
    for (const pending of this.#waiting) pending.giveUp("CLIENT_CLOSED");
  }

  /** Starts the call now, or once there is a connection. */
  protected place(pending: PendingCall): void {
    if (!this.tryStart(pending)) void this.#connect(pending);
  }

  #isOver(call: OutgoingCall): GivenUp | undefined {
    if (this.#closed) return "CLIENT_CLOSED";
    return call.options.signal?.aborted ? "CLIENT_CANCELLED" : undefined;
  }

  async #connect(pending: PendingCall): Promise<void> {
    this.#waiting.add(pending);
    const { until, options } = pending.call;
    pending.waitingSince ??= this.#clock.now();
    try {
      await this.#connection.ready(until, options.signal, pending.waitingSince);
      if (!pending.isSettled) this.start(pending);
    } catch (error) {
      pending.fail(error instanceof GibbsError ? error : internal(error, "NOT_STARTED"));
    } finally {
      this.#waiting.delete(pending);
    }
  }
}
