import {
  type ClientDuplexStream,
  Metadata,
  type ServiceError,
  type StatusObject,
  status,
} from "@grpc/grpc-js";
import type { Clock } from "../../base/clock.js";
import type { HubChannel } from "../../wire/dial/hub-channel.js";
import { rawService } from "../../wire/grpc/raw-service.js";
import { HubService } from "../../wire/index.js";
import { afterLeaving, CHANNEL_CLOSED } from "../failure.js";
import { provenStream } from "./proven-stream.js";

const { request, multiplex } = rawService(HubService);

/**
 * One connection to one hub. Once it is retired, because it is going away or lost, or its hub takes
 * no more calls, what is open on it may finish, and nothing new begins.
 */
export class Connection {
  readonly hub: HubChannel;
  readonly #clock: Clock;
  #first: { stream: ClientDuplexStream<Buffer, Buffer>; isOver: boolean } | undefined;
  #isRetired = false;

  constructor(hub: HubChannel, clock: Clock) {
    this.hub = hub;
    this.#clock = clock;
  }

  get isRetired(): boolean {
    return this.#isRetired;
  }

  /**
   * Waits until the server has shown that it is a hub that takes calls.
   *
   * @throws GibbsError with the reason why it is not, or when `signal` fires.
   */
  async prove(signal: AbortSignal): Promise<void> {
    this.#first = await provenStream(this.#open(), signal);
  }

  /** Opens a `Multiplex` stream; its messages are passed as encoded bytes. */
  openMultiplex(): ClientDuplexStream<Buffer, Buffer> {
    const first = this.#first;
    this.#first = undefined;
    return first === undefined || first.isOver ? this.#open() : first.stream;
  }

  /** Ends the stream that proved the hub, for a client that needs none. */
  dropFirst(): void {
    this.#first?.stream.on("data", () => {}).end();
    this.#first = undefined;
  }

  /**
   * Calls `Request` with an encoded message; the response that `done` receives is encoded, too.
   * Bypasses grpc-js's generic client, which captures a stack trace for each call.
   */
  request(
    message: Buffer,
    metadata: Metadata,
    done: (status: StatusObject, response: Buffer | undefined) => void,
  ): { cancel(): void } {
    if (this.#isRetired) {
      const closed = {
        code: status.UNAVAILABLE,
        details: CHANNEL_CLOSED,
        metadata: new Metadata(),
      };
      this.#clock.soon(() => done(closed, undefined));
      return { cancel: () => {} };
    }
    const { channel } = this.hub;
    const call = channel.createCall(request.path, Number.POSITIVE_INFINITY, null, null, null);
    let response: Buffer | undefined;
    call.start(metadata, {
      onReceiveMetadata: () => {},
      onReceiveMessage: (received: Buffer) => {
        response = received;
      },
      onReceiveStatus: (how) => done(this.hub.isLeft ? afterLeaving(how) : how, response),
    });
    call.sendMessageWithContext({}, message);
    call.halfClose();
    call.startRead();
    const cancel = (): void => call.cancelWithStatus(status.CANCELLED, "Cancelled on client");
    return {
      cancel: () => {
        cancel();
        // A call that is cancelled in the turn in which it starts, grpc-js starts all the same.
        this.#clock.setTimer(0, cancel);
      },
    };
  }

  /** Lets nothing new begin. Calls that are open continue. */
  retire(): void {
    if (this.#isRetired) return;
    this.#isRetired = true;
    // Not from within a change of the channel's state.
    this.#clock.soon(() => this.hub.channel.close());
  }

  #open(): ClientDuplexStream<Buffer, Buffer> {
    const stream = this.hub.client.makeBidiStreamRequest(
      multiplex.path,
      multiplex.requestSerialize,
      multiplex.responseDeserialize,
    );
    // The listeners that the caller adds see what this one makes of the error.
    return stream.on("error", (error: ServiceError) => {
      if (this.hub.isLeft) afterLeaving(error);
    });
  }
}
