import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { findPort } from "./find-port.js";
import { buildFolder } from "./gibbs.js";
import { ManagedProcess } from "./managed-process.js";
import type {
  ClientSettings,
  HubSettings,
  PoolSettings,
  RawSettings,
} from "./processes/settings.js";
import { TcpProxy } from "./tcp-proxy.js";

const model = fileURLToPath(new URL("./processes/model.ts", import.meta.url));

/** The place of a process that is replaced when it ends; its proxy stays. */
export class Seat {
  /** Whether a fault is at work here. */
  struck = false;
  #generation = 0;
  #process: ManagedProcess | undefined;

  /**
   * @param kind what sits here.
   * @param name of the seat; its processes are `name.1`, `name.2`.
   * @param proxy between the process and the hub, if the cluster has proxies.
   * @param launch starts a process of that name.
   */
  constructor(
    readonly kind: "agent" | "pool" | "raw" | "client",
    readonly name: string,
    readonly proxy: TcpProxy,
    readonly launch: (name: string) => ManagedProcess,
  ) {}

  /** The name of the process that sits here now. */
  get occupant(): string {
    return `${this.name}.${this.#generation}`;
  }

  get process(): ManagedProcess {
    if (this.#process === undefined) throw new Error(`nobody sits at ${this.name}`);
    return this.#process;
  }

  /** Puts a new process here. */
  start(): ManagedProcess {
    this.#generation += 1;
    this.#process = this.launch(this.occupant);
    return this.#process;
  }
}

/** What a cluster is made of. */
export interface ClusterOptions {
  /** Where its processes write journals and logs; made if it is not there. */
  folder: string;
  hub?: HubSettings["options"];
  /** Whether everybody dials a proxy of its own instead of the hub. Default false. */
  proxied?: boolean;
}

/** One hub, its workers and its clients, each a process of its own. */
export class Cluster {
  /** Where the journals and logs are. */
  readonly folder: string;
  readonly workers: Seat[] = [];
  readonly clients: Seat[] = [];
  /** Whether a fault is at work on the hub. */
  hubStruck = false;
  readonly #options: ClusterOptions;
  readonly #port: number;
  #hub: ManagedProcess | undefined;
  #hubs = 0;

  private constructor(port: number, options: ClusterOptions) {
    this.folder = options.folder;
    this.#port = port;
    this.#options = options;
  }

  /** Runs `body` with a cluster whose hub listens, and that is gone afterwards. */
  static async use<T>(options: ClusterOptions, body: (cluster: Cluster) => Promise<T>): Promise<T> {
    mkdirSync(options.folder, { recursive: true });
    const cluster = new Cluster(await findPort(), options);
    try {
      await cluster.startHub();
      return await body(cluster);
    } finally {
      await cluster.#close();
    }
  }

  /** The hub's own address. */
  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get hub(): ManagedProcess {
    if (this.#hub === undefined) throw new Error("there is no hub");
    return this.#hub;
  }

  /** Starts a hub, always on the same port. Returns when it began to listen, on the machine's clock. */
  async startHub(): Promise<number> {
    this.#hubs += 1;
    const name = `hub.${this.#hubs}`;
    const options = { ...this.#options.hub, listen: this.address };
    const settings: HubSettings = { journals: this.folder, name, options };
    this.#hub = ManagedProcess.own(this.folder, name, "hub", settings);
    const { at } = await this.#hub.ready;
    return Number(at);
  }

  /** Adds a `gibbs worker` with so many child processes. */
  async addAgent(children: number): Promise<Seat> {
    return this.#seat("agent", this.workers, (name, hub) => {
      const cli = `${buildFolder()}/cli/main.js`;
      const args = [cli, "worker", model, "--count", String(children), "--hub", hub];
      const env = { CHAOS_JOURNALS: this.folder, CHAOS_HOST: name };
      return new ManagedProcess(this.folder, name, [...args, "--worker-id", name], env);
    });
  }

  /** Adds a process of in-process workers. */
  async addPool(count: number, slots: number): Promise<Seat> {
    return this.#seat("pool", this.workers, (host, hub) => {
      const settings: PoolSettings = { journals: this.folder, host, hub, count, slots };
      return ManagedProcess.own(this.folder, host, "pool", settings);
    });
  }

  /** Adds a worker without the library, which does whatever the protocol allows. */
  async addRaw(slots: number): Promise<Seat> {
    return this.#seat("raw", this.workers, (host, hub) => {
      const settings: RawSettings = { journals: this.folder, host, hub, slots };
      return ManagedProcess.own(this.folder, host, "raw", settings);
    });
  }

  /** Adds a client process. */
  async addClient(settings: Pick<ClientSettings, "seed" | "load" | "traffic">): Promise<Seat> {
    return this.#seat("client", this.clients, (name, hub) => {
      const all: ClientSettings = { ...settings, journals: this.folder, name, hub };
      return ManagedProcess.own(this.folder, name, "client", all);
    });
  }

  /** Waits until all workers are connected and all clients call. */
  async settled(): Promise<void> {
    const seats = [...this.workers, ...this.clients];
    await Promise.all(seats.map(({ process }) => process.ready));
  }

  /** Lets every client finish its calls and end. */
  async finishClients(): Promise<void> {
    for (const { process } of this.clients) process.tell({ kind: "stop" });
    await Promise.all(this.clients.map(({ process }) => process.ended));
  }

  /** Drains workers, then the hub. Returns the names of those that did not end well. */
  async drain(): Promise<string[]> {
    const ends = this.workers.map(async ({ process, occupant }) => {
      process.signal("SIGTERM");
      return { occupant, how: await process.ended };
    });
    const workers = await Promise.all(ends);
    this.hub.signal("SIGTERM");
    const all = [...workers, { occupant: "hub", how: await this.hub.ended }];
    return all.filter(({ how }) => how !== 0).map(({ occupant, how }) => `${occupant}: ${how}`);
  }

  async #close(): Promise<void> {
    const seats = [...this.workers, ...this.clients];
    await Promise.all([this.hub, ...seats.map(({ process }) => process)].map((one) => one.kill()));
    await Promise.all(seats.map(({ proxy }) => proxy.close()));
  }

  async #seat(
    kind: Seat["kind"],
    seats: Seat[],
    launch: (name: string, hub: string) => ManagedProcess,
  ): Promise<Seat> {
    const proxy = new TcpProxy({ host: "127.0.0.1", port: this.#port }, await findPort());
    await proxy.setDoor("open");
    const name = `${kind}-${seats.length + 1}`;
    const hub = this.#options.proxied ? proxy.address : this.address;
    const seat = new Seat(kind, name, proxy, (occupant) => launch(occupant, hub));
    seats.push(seat);
    seat.start();
    return seat;
  }
}
