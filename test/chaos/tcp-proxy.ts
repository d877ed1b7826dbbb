import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { type Clock, systemClock } from "../../src/base/clock.js";
import type { Random } from "../../src/base/random.js";
import { type Conditions, clear, Link, resetSocket } from "./link.js";

/** A direction of a proxied connection. */
export type Direction = "toHub" | "fromHub";

/** Both directions. */
export const directions: readonly Direction[] = ["toHub", "fromHub"];

/** What becomes of those who dial: they reach the hub; they are accepted and hear nothing; they are refused. */
export type Door = "open" | "mute" | "shut";

/** A TCP proxy before a hub whose connections can be made to suffer while they carry traffic. */
export class TcpProxy {
  readonly connections: Set<ProxiedConnection> = new Set();
  readonly #hub: { host: string; port: number };
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #server: Server;
  readonly #muted = new Set<Socket>();
  readonly #conditions: Record<Direction, Conditions> = { toHub: clear, fromHub: clear };
  #port: number;
  #door: Door = "shut";

  /** @param port where to listen; 0 takes a free one. */
  constructor(
    hub: { host: string; port: number },
    port = 0,
    clock: Clock = systemClock,
    random: Random = Math.random,
  ) {
    this.#hub = hub;
    this.#port = port;
    this.#clock = clock;
    this.#random = random;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (dialler) =>
      this.#accept(dialler),
    );
  }

  /** Where to dial instead of the hub, once the door was opened. */
  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** What becomes of those who dial from now on. Who was muted is reset when that ends. */
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

  /** What a direction suffers from now on, on connections old and new. */
  set(direction: Direction, conditions: Partial<Conditions>): void {
    this.#conditions[direction] = { ...this.#conditions[direction], ...conditions };
    for (const connection of this.connections) connection.set(direction, conditions);
  }

  /** Lifts everything: directions suffer nothing, the door is open. */
  async heal(): Promise<void> {
    for (const direction of directions) this.set(direction, clear);
    await this.setDoor("open");
  }

  /** Resets every connection, on both sides. */
  reset(): void {
    for (const connection of this.connections) connection.reset();
  }

  /** Ends everything. */
  async close(): Promise<void> {
    await this.setDoor("shut");
    this.reset();
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

  /** Bytes of a direction that were sent and have not arrived. */
  heldBytes(direction: Direction): number {
    return this.#links[direction].heldBytes;
  }

  /** What a direction suffers from now on. */
  set(direction: Direction, conditions: Partial<Conditions>): void {
    this.#links[direction].set(conditions);
  }

  /** Resets both sides. */
  reset(): void {
    for (const direction of directions) this.#links[direction].abandon();
    resetSocket(this.#sides.dialler);
    resetSocket(this.#sides.hub);
  }

  /** Closes one side; the other is never told, and what it sends is swallowed. Ends with a reset. */
  halfClose(side: "dialler" | "hub"): void {
    for (const direction of directions) this.#links[direction].abandon();
    resetSocket(this.#sides[side]);
  }
}
