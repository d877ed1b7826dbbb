import { credentials, Client as GrpcClient } from "@grpc/grpc-js";
import type { Clock } from "../base/clock.js";
import { GibbsError, messageOf } from "../base/error.js";
import { HubService } from "../wire/index.js";
import { rawService } from "../wire/raw-service.js";
import { CallStream } from "./call-stream.js";
import type { HubConnection } from "./connection.js";
import { type GivenUp, givenUp } from "./failure.js";
import { PendingCall } from "./pending-call.js";
import type { IncomingAnswer, OutgoingCall, Transport } from "./transport.js";

const { multiplex } = rawService(HubService);

/** All calls on as few streams as the hub allows: what happens in one turn of the event loop is one write. */
export class Multiplex implements Transport {
  readonly #connection: HubConnection;
  readonly #grpc: GrpcClient;
  readonly #clock: Clock;
  readonly #streams = new Set<CallStream>();
  /** Calls that wait for a connection. */
  readonly #waiting = new Set<PendingCall>();
  readonly #maxPayloadBytes: number;
  #closed = false;

  constructor(connection: HubConnection, clock: Clock, maxPayloadBytes: number) {
    this.#connection = connection;
    this.#maxPayloadBytes = maxPayloadBytes;
    this.#clock = clock;
    const channelOverride = connection.channel;
    this.#grpc = new GrpcClient("", credentials.createInsecure(), { channelOverride });
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
    const call = this.#grpc.makeBidiStreamRequest(
      multiplex.path,
      multiplex.requestSerialize,
      multiplex.responseDeserialize,
    );
    const stream: CallStream = new CallStream(call, this.#clock, this.#maxPayloadBytes, {
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
