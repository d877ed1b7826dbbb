import type { Socket } from "node:net";
import { type Channel, Client, connectivityState, credentials } from "@grpc/grpc-js";
import type { Clock } from "../../base/clock.js";
import type { Endpoint } from "./endpoint.js";
import { onLeavingReady } from "./leaving-ready.js";

/** A channel that has connected to a hub, once. */
export class HubChannel {
  readonly channel: Channel;
  /** Opens calls on the channel. */
  readonly client: Client;
  readonly endpoint: Endpoint;
  /** When it was connected, on the clock of its owner. */
  readonly since: number;
  /** Whether the connection is going away (GOAWAY) or lost. In the first case open calls go on. */
  isLeft: boolean;
  /** Called once, when that becomes so. */
  onLeft: () => void = () => {};

  constructor(channel: Channel, endpoint: Endpoint, clock: Clock, socket: Socket | undefined) {
    this.channel = channel;
    this.client = new Client("", credentials.createInsecure(), { channelOverride: channel });
    this.endpoint = endpoint;
    this.since = clock.now();
    this.isLeft = channel.getConnectivityState(false) !== connectivityState.READY;
    onLeavingReady(channel, () => this.#leave());
    // grpc-js misses a GOAWAY that arrives together with the settings of the connection.
    socket?.once("close", () => this.#leave());
  }

  #leave(): void {
    if (this.isLeft) return;
    this.isLeft = true;
    this.onLeft();
  }
}
