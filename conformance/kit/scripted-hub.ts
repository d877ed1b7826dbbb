import { createServer, type Server as NetServer, type Socket } from "node:net";
import {
  type ConnectionInjector,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
} from "@grpc/grpc-js";
import type { Clock } from "#base/clock.js";
import { type GibbsError, messageOf } from "#base/errors/error.js";
import { gibbsError } from "#base/errors/reasons.js";
import { welcomeDefaults } from "#base/options/limits.js";
import { channelOptions } from "#wire/grpc/channel-options.js";
import { rawService } from "#wire/grpc/raw-service.js";
import { WorkerService } from "#wire/messages/work.js";
import type { Journal } from "./journal.js";
import { WorkStream } from "./work-stream.js";

/** How long a connection goes on after its GOAWAY, in milliseconds: longer than any run. */
const GO_AWAY_GRACE_MS = 2 ** 31 - 1;

/**
 * A gRPC server that accepts workers' streams and does nothing on its own. It can refuse streams,
 * announce the end of connections, die with all of them, and come back on the same port.
 */
export class ScriptedHub {
  /** All streams opened since the worker was started, including refused ones. */
  readonly streams: WorkStream[] = [];
  /** The status with which to refuse every stream from now on; undefined to accept them. */
  refusal: GibbsError | undefined;
  readonly #clock: Clock;
  readonly #journal: Journal;
  readonly #changed: () => void;
  readonly #sockets = new Set<Socket>();
  #running: { net: NetServer; grpc: Server; injector: ConnectionInjector } | undefined;
  #port = 0;

  constructor(clock: Clock, journal: Journal, changed: () => void) {
    this.#clock = clock;
    this.#journal = journal;
    this.#changed = changed;
  }

  /** Where it listens, such as `127.0.0.1:34567`; the same after a restart. */
  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /**
   * Listens on a free port the first time, and on the same one after a restart.
   *
   * @throws GibbsError FAILED_PRECONDITION / LISTEN_FAILED if it cannot.
   */
  async listen(): Promise<void> {
    const grpc = new Server(channelOptions(welcomeDefaults.maxPayloadBytes));
    const work = (call: ServerDuplexStream<Buffer, Buffer>): void => this.#open(call);
    grpc.addService(rawService(WorkerService), { work });
    const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure());
    const net = createServer({ noDelay: true }, (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
      socket.on("error", () => {});
      injector.injectConnection(socket);
    });
    await new Promise<void>((resolve, reject) => {
      net.once("error", (error) => {
        const message = `the kit cannot listen at ${this.address}: ${messageOf(error)}`;
        reject(gibbsError("LISTEN_FAILED", message));
      });
      net.listen(this.#port, "127.0.0.1", resolve);
    });
    const bound = net.address();
    if (typeof bound === "object" && bound !== null) this.#port = bound.port;
    this.#running = { net, grpc, injector };
  }

  /** Sends GOAWAY on every connection. Their streams go on; new ones need a new connection. */
  goAway(): void {
    this.#journal.record("hub", "announces the end of the connection (GOAWAY)");
    this.#running?.injector.drain(GO_AWAY_GRACE_MS);
  }

  /** Dies the way a process does: every connection breaks, and the port is closed. */
  async kill(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    const closed = new Promise<void>((resolve) => running.net.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    running.grpc.forceShutdown();
    await closed;
  }

  /** Breaks the connections of a worker that has ended, and forgets its streams and the refusal. */
  forget(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.streams.length = 0;
    this.refusal = undefined;
  }

  #open(call: ServerDuplexStream<Buffer, Buffer>): void {
    const stream = new WorkStream(call, this.#clock, this.#journal, this.#changed);
    this.streams.push(stream);
    if (this.refusal !== undefined) stream.end(this.refusal);
    this.#changed();
  }
}
