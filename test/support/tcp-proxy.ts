import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import { parseAddress } from "../../src/base/address.js";

/** Which way bytes travel through a proxy. */
export type Direction = "toHub" | "fromHub";

/** A TCP proxy between a peer and its hub, to break what passes. Opened by {@link startProxy}. */
class TcpProxy {
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #address = "";
  /** Whether new connections are accepted and then hear nothing. */
  mute = false;
  /** The most bytes of one write; what comes next follows a turn of the event loop later. */
  sliceBytes = Number.POSITIVE_INFINITY;

  constructor(hub: string) {
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, (peer) => {
      const link = new Link(peer, connectTo(hub), () => this.sliceBytes);
      this.#links.add(link);
      if (this.mute) link.allow(0, "toHub", "fromHub");
    });
  }

  /** Where peers find the hub through this proxy. */
  get address(): string {
    return this.#address;
  }

  async listen(): Promise<void> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    this.#address = `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /**
   * Lets so many bytes more pass on the connections that are open now; what
   * follows waits, also the news that a side has closed. `Infinity` heals.
   */
  allow(bytes: number, ...directions: Direction[]): void {
    for (const link of this.#links) link.allow(bytes, ...directions);
  }

  /** Lets nothing more pass on the connections that are open now; neither side is told. */
  blackHole(...directions: Direction[]): void {
    this.allow(0, ...directions);
  }

  /** Resolves once an open connection has bytes that wait. */
  async stuck(direction: Direction): Promise<void> {
    await Promise.race(Array.from(this.#links, (link) => link.stuck(direction)));
  }

  /** Breaks the connections that are open now, with RST to both sides. */
  reset(): void {
    for (const link of this.#links) link.reset();
    this.#links.clear();
  }

  async close(): Promise<void> {
    this.reset();
    this.#server.close();
    await once(this.#server, "close");
  }
}

/** A proxy to the hub's address, closed when the test is over. */
export async function startProxy({ address }: { address: string }): Promise<TcpProxy> {
  const proxy = new TcpProxy(address);
  await proxy.listen();
  onTestFinished(() => proxy.close());
  return proxy;
}

function connectTo(hub: string): Socket {
  const address = parseAddress(hub);
  return connect({ ...address, noDelay: true, allowHalfOpen: true });
}

/** One proxied connection. */
class Link {
  readonly #sides: readonly Socket[];
  readonly #pipes: Readonly<Record<Direction, Pipe>>;

  constructor(peer: Socket, hub: Socket, sliceBytes: () => number) {
    this.#sides = [peer, hub];
    this.#pipes = {
      toHub: new Pipe(peer, hub, sliceBytes),
      fromHub: new Pipe(hub, peer, sliceBytes),
    };
  }

  allow(bytes: number, ...directions: Direction[]): void {
    for (const direction of directions) this.#pipes[direction].allow(bytes);
  }

  stuck(direction: Direction): Promise<void> {
    return this.#pipes[direction].stuck();
  }

  reset(): void {
    for (const side of this.#sides) side.resetAndDestroy();
  }
}

/** One direction of a connection. */
class Pipe {
  readonly #to: Socket;
  readonly #sliceBytes: () => number;
  #waiting: Buffer[] = [];
  #allowed = Number.POSITIVE_INFINITY;
  #ended = false;
  #moving = false;
  #onStuck: (() => void)[] = [];

  constructor(from: Socket, to: Socket, sliceBytes: () => number) {
    this.#to = to;
    this.#sliceBytes = sliceBytes;
    from.on("data", (chunk: Buffer) => {
      this.#waiting.push(chunk);
      this.#move();
    });
    // An error is followed by "close", which is passed on as any end is.
    from.on("error", () => {});
    from.on("close", () => this.#end());
    from.on("end", () => this.#end());
  }

  allow(bytes: number): void {
    this.#allowed = bytes;
    this.#move();
  }

  stuck(): Promise<void> {
    return new Promise((resolve) => {
      this.#onStuck.push(resolve);
      this.#move();
    });
  }

  #end(): void {
    this.#ended = true;
    this.#move();
  }

  #move(): void {
    if (this.#moving) return;
    while (this.#allowed > 0 && this.#waiting.length > 0) {
      const first = this.#waiting[0] as Buffer;
      const size = Math.min(first.length, this.#allowed, this.#sliceBytes());
      this.#to.write(first.subarray(0, size));
      this.#allowed -= size;
      if (size === first.length) this.#waiting.shift();
      else this.#waiting[0] = first.subarray(size);
      if (size === this.#sliceBytes()) return this.#moveLater();
    }
    if (this.#waiting.length > 0) for (const resolve of this.#onStuck.splice(0)) resolve();
    else if (this.#ended && this.#allowed > 0) this.#to.end();
  }

  #moveLater(): void {
    this.#moving = true;
    setImmediate(() => {
      this.#moving = false;
      this.#move();
    });
  }
}
