import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { Address } from "../../src/base/address.js";
import { type Clock, systemClock } from "../../src/base/clock.js";
import type { Random } from "../../src/base/random.js";
import { goAwayFrame } from "./http2-frames.js";
import { blackHole, type Conditions, clear, Link, resetSocket } from "./tcp-link.js";

/** A direction of a proxied connection. */
export type Direction = "toHub" | "fromHub";

/** Both directions. */
export const directions: readonly Direction[] = ["toHub", "fromHub"];

/**
 * How the proxy treats new connections: `open` connects them to the hub, `mute` accepts them and
 * stays silent, `shut` refuses them.
 */
export type Door = "open" | "mute" | "shut";

/** A TCP proxy in front of a hub, which injects faults into its connections while they carry traffic. */
export class TcpProxy {
  readonly connections: Set<ProxiedConnection> = new Set();
  readonly #hub: Address;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #server: Server;
  readonly #muted = new Set<Socket>();
  readonly #conditions: Record<Direction, Conditions> = { toHub: clear, fromHub: clear };
  #port: number;
  #door: Door = "shut";
  #onConnection: (connection: ProxiedConnection) => void = () => {};

  /** @param port to listen on; 0 picks a free one. */
  constructor(hub: Address, port = 0, clock: Clock = systemClock, random: Random = Math.random) {
    this.#hub = hub;
    this.#port = port;
    this.#clock = clock;
    this.#random = random;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (dialler) =>
      this.#accept(dialler),
    );
  }

  /** The address to dial instead of the hub's. Known once the door has been opened. */
  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Calls `listener` with each connection from now on. */
  onConnection(listener: (connection: ProxiedConnection) => void): void {
    this.#onConnection = listener;
  }

  /** Sets how new connections are treated from now on. Resets those that were muted. */
  async setDoor(door: Door): Promise<void> {
    const was = this.#door;
    this.#door = door;
    for (const socket of this.#muted) resetSocket(socket);
    if (door === "shut" && was !== "shut") this.#server.close();
    if (door === "shut" || was !== "shut") return;
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Changes the conditions of a direction, on existing and new connections. */
  set(direction: Direction, conditions: Partial<Conditions>): void {
    this.#conditions[direction] = { ...this.#conditions[direction], ...conditions };
    for (const connection of this.connections) connection.set(direction, conditions);
  }

  /** Lets `bytes` more bytes arrive on each connection that is open now; see {@link Conditions}. */
  allow(bytes: number, ...directions: Direction[]): void {
    this.#setOpen({ allowedBytes: bytes }, directions);
  }

  /**
   * Stops anything more from arriving on the connections that are open now; neither side is told.
   */
  blackHole(...directions: Direction[]): void {
    this.#setOpen(blackHole, directions);
  }

  /**
   * Sends GOAWAY to the diallers of the connections that are open now, as a proxy does that limits
   * the age of a connection, and returns these connections. They go on working.
   */
  goAway(how?: Parameters<typeof goAwayFrame>[0]): ProxiedConnection[] {
    const leaving = [...this.connections];
    for (const connection of leaving) connection.insert(goAwayFrame(how));
    return leaving;
  }

  /** Resolves once bytes are being held back on a connection that is open now. */
  async stuck(direction: Direction): Promise<void> {
    await Promise.race(Array.from(this.connections, (connection) => connection.stuck(direction)));
  }

  /** Restores normal conditions, on existing and new connections, and opens the door. */
  async heal(): Promise<void> {
    for (const direction of directions) this.set(direction, clear);
    await this.setDoor("open");
  }

  /** Resets every connection, on both sides. */
  reset(): void {
    for (const connection of this.connections) connection.reset();
  }

  /** Shuts the door and resets every connection. */
  async close(): Promise<void> {
    await this.setDoor("shut");
    this.reset();
  }

  #setOpen(conditions: Partial<Conditions>, where: readonly Direction[]): void {
    for (const connection of this.connections) {
      for (const direction of where) connection.set(direction, conditions);
    }
  }

  #accept(dialler: Socket): void {
    if (this.#door === "mute") {
      this.#muted.add(dialler);
      dialler.on("error", () => {});
      dialler.on("close", () => this.#muted.delete(dialler));
      return;
    }
    const hub = connect({ ...this.#hub, allowHalfOpen: true, noDelay: true });
    const links = {
      toHub: new Link(dialler, hub, this.#conditions.toHub, this.#clock, this.#random),
      fromHub: new Link(hub, dialler, this.#conditions.fromHub, this.#clock, this.#random),
    };
    const connection = new ProxiedConnection(dialler, hub, links);
    this.connections.add(connection);
    void connection.closed.then(() => this.connections.delete(connection));
    this.#onConnection(connection);
  }
}

/** One connection through a {@link TcpProxy}. */
export class ProxiedConnection {
  /** Resolves when both sides have closed. */
  readonly closed: Promise<unknown>;
  readonly #sides: { dialler: Socket; hub: Socket };
  readonly #links: Record<Direction, Link>;

  constructor(dialler: Socket, hub: Socket, links: Record<Direction, Link>) {
    this.#sides = { dialler, hub };
    this.#links = links;
    this.closed = Promise.all(
      [dialler, hub].map(
        (side) => new Promise<void>((resolve) => side.on("close", () => resolve())),
      ),
    );
  }

  /** Bytes of a direction that were sent and have not arrived yet. */
  heldBytes(direction: Direction): number {
    return this.#links[direction].heldBytes;
  }

  /** Changes the conditions of a direction. */
  set(direction: Direction, conditions: Partial<Conditions>): void {
    this.#links[direction].set(conditions);
  }

  /** Resolves once a direction has bytes waiting that are not allowed to arrive. */
  stuck(direction: Direction): Promise<void> {
    return this.#links[direction].stuck();
  }

  /** Sends an HTTP/2 frame of the proxy's own to the dialler; see {@link Link.insert}. */
  insert(frame: Buffer): void {
    this.#links.fromHub.insert(frame);
  }

  /** Resets both sides. */
  reset(): void {
    for (const direction of directions) this.#links[direction].abandon();
    resetSocket(this.#sides.dialler);
    resetSocket(this.#sides.hub);
  }

  /** Resets one side. The other is never told, and what that sends is swallowed until `reset`. */
  halfClose(side: "dialler" | "hub"): void {
    for (const direction of directions) this.#links[direction].abandon();
    resetSocket(this.#sides[side]);
  }
}
