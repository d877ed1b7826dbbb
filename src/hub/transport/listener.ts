import { createServer, type Server as NetServer, type Socket } from "node:net";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { type Address, formatAddress } from "../../base/address.js";
import { type Clock, delay } from "../../base/clock.js";
import type { GibbsError } from "../../base/errors/error.js";
import { gibbsError } from "../../base/errors/reasons.js";
import { channelOptions } from "../../wire/grpc/channel-options.js";
import { type StreamHandler, takeOver } from "./grpc-internals.js";

/** The limits on a hub's connections. */
export interface ListenerLimits {
  maxConnections: number;
  maxPayloadBytes: number;
  maxStreamsPerConnection: number;
  /** How long a new connection may stay silent, in milliseconds. */
  helloTimeoutMs: number;
}

/**
 * A hub's port. It owns its sockets and hands them to grpc-js, which manages the connections
 * (keepalive, limits, GOAWAY). A peer that connects and then says nothing cannot be closed through
 * grpc-js, and would keep alive a hub that is shutting down.
 */
export class Listener {
  readonly #grpc: Server;
  readonly #clock: Clock;
  readonly #net: NetServer;
  readonly #sockets = new Set<Socket>();

  constructor(limits: ListenerLimits, clock: Clock, serve: StreamHandler) {
    this.#grpc = new Server({
      ...channelOptions(limits.maxPayloadBytes),
      "grpc.max_concurrent_streams": limits.maxStreamsPerConnection,
    });
    takeOver(this.#grpc, serve);
    this.#clock = clock;
    const injector = this.#grpc.createConnectionInjector(ServerCredentials.createInsecure());
    this.#net = createServer({ noDelay: true }, (socket) => {
      this.#sockets.add(socket);
      const silent = clock.setTimer(limits.helloTimeoutMs, () => {
        if (socket.bytesRead === 0) socket.destroy();
      });
      socket.once("close", () => {
        this.#sockets.delete(socket);
        silent.cancel();
      });
      injector.injectConnection(socket);
    });
    this.#net.maxConnections = limits.maxConnections;
  }

  /**
   * Binds the port and returns where it listens, with the actual port.
   *
   * @throws GibbsError FAILED_PRECONDITION: ADDRESS_IN_USE, or LISTEN_FAILED.
   */
  bind(address: Address): Promise<Address> {
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void => reject(listenError(address, error));
      this.#net.once("error", fail);
      // If the hub is closed during the lookup of the host name, only this event reports it.
      this.#net.once("close", () => fail(new Error("the hub was closed in the meantime")));
      this.#net.listen(address, () => {
        this.#net.off("error", fail);
        const bound = this.#net.address();
        const port = typeof bound === "object" && bound !== null ? bound.port : 0;
        resolve("path" in address ? address : { ...address, port });
      });
    });
  }

  /**
   * Lets answers that are being written finish, for at most `graceMs`, then closes every
   * connection.
   */
  async close(graceMs: number): Promise<void> {
    const patience = new AbortController();
    const closed = new Promise<void>((resolve) => this.#net.close(() => resolve()));
    // Closes each connection after its last call; waiting for all of them is up to us.
    this.#grpc.tryShutdown(() => {});
    await Promise.race([closed, delay(this.#clock, graceMs, patience.signal)]);
    patience.abort();
    this.#grpc.forceShutdown();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

function listenError(address: Address, error: Error): GibbsError {
  const text = formatAddress(address);
  const inUse = "code" in error && error.code === "EADDRINUSE";
  const hint =
    "path" in address
      ? "stop what listens there, or remove the file if nothing does"
      : "stop what listens there, or choose another address";
  const message = inUse
    ? `${text} is in use: ${hint}`
    : `cannot listen at ${text}: ${error.message}`;
  const reason = inUse ? "ADDRESS_IN_USE" : "LISTEN_FAILED";
  return gibbsError(reason, message, { cause: error });
}
