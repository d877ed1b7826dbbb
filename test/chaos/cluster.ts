import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { TcpProxy } from "../support/tcp-proxy.js";
import { findPort } from "./find-port.js";
import { buildFolder } from "./gibbs.js";
import { ManagedProcess } from "./managed-process.js";
import type {
  ClientSettings,
  HubSettings,
  PoolSettings,
  PythonClientSettings,
  PythonSettings,
  RawSettings,
} from "./processes/settings.js";
import { Seat } from "./seat.js";

const model = fileURLToPath(new URL("./processes/model.ts", import.meta.url));

/** The settings of a cluster. */
export interface ClusterOptions {
  /** The folder where its processes write journals and logs; created if missing. */
  folder: string;
  hub?: HubSettings["options"];
  /** Whether every process dials its own proxy instead of the hub. Default false. */
  proxied?: boolean;
}

/** A hub, its workers and its clients, each in a separate process. */
export class Cluster {
  /** The folder with the journals and logs. */
  readonly folder: string;
  readonly workers: Seat[] = [];
  readonly clients: Seat[] = [];
  /** Whether a fault is acting on the hub. */
  hubStruck = false;
  readonly #options: ClusterOptions;
  readonly #port: number;
  readonly #everyone: ManagedProcess[] = [];
  #hub: ManagedProcess | undefined;
  #hubs = 0;

  private constructor(port: number, options: ClusterOptions) {
    this.folder = options.folder;
    this.#port = port;
    this.#options = options;
  }

  /** Runs `body` with a cluster whose hub is listening, and stops the cluster afterwards. */
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

  /**
   * Starts a hub, always on the same port. Returns the time at which it began to listen, on the
   * machine's clock.
   */
  async startHub(): Promise<number> {
    this.#hubs += 1;
    const name = `hub.${this.#hubs}`;
    const options = { ...this.#options.hub, listen: this.address };
    const settings: HubSettings = { journals: this.folder, name, options };
    this.#hub = ManagedProcess.own(this.folder, name, "hub", settings);
    this.#everyone.push(this.#hub);
    const { at } = await this.#hub.ready;
    return Number(at);
  }

  /** Adds a `gibbs worker` with this many child processes. */
  async addAgent(children: number): Promise<Seat> {
    return this.#seat("agent", this.workers, (name, hub) => {
      const cli = `${buildFolder()}/cli/main.js`;
      const args = [cli, "worker", model, "--count", String(children), "--hub", hub];
      const env = { CHAOS_JOURNALS: this.folder, CHAOS_HOST: name };
      return ManagedProcess.node(this.folder, name, [...args, "--worker-id", name], env);
    });
  }

  /** Adds a process of in-process workers. */
  async addPool(count: number, slots: number): Promise<Seat> {
    return this.#seat("pool", this.workers, (host, hub) => {
      const settings: PoolSettings = { journals: this.folder, host, hub, count, slots };
      return ManagedProcess.own(this.folder, host, "pool", settings);
    });
  }

  /** Adds a worker that does not use the library and does whatever the protocol allows. */
  async addRaw(slots: number): Promise<Seat> {
    return this.#seat("raw", this.workers, (host, hub) => {
      const settings: RawSettings = { journals: this.folder, host, hub, slots };
      return ManagedProcess.own(this.folder, host, "raw", settings);
    });
  }

  /** Adds a worker of the Python SDK. */
  async addPython(settings: Omit<PythonSettings, "journals" | "host" | "hub">): Promise<Seat> {
    const kind = settings.isolation === "process" ? "python agent" : "python";
    return this.#seat(kind, this.workers, (host, hub) => {
      const all: PythonSettings = { ...settings, journals: this.folder, host, hub };
      return ManagedProcess.python(this.folder, host, "worker", all);
    });
  }

  /** Adds a client process. */
  async addClient(settings: Omit<ClientSettings, "journals" | "name" | "hub">): Promise<Seat> {
    return this.#seat("client", this.clients, (name, hub) => {
      const all: ClientSettings = { ...settings, journals: this.folder, name, hub };
      return ManagedProcess.own(this.folder, name, "client", all);
    });
  }

  /** Adds a client of the Python SDK. */
  async addPythonClient(
    settings: Omit<PythonClientSettings, "journals" | "name" | "hub">,
  ): Promise<Seat> {
    return this.#seat("python client", this.clients, (name, hub) => {
      const all: PythonClientSettings = { ...settings, journals: this.folder, name, hub };
      return ManagedProcess.python(this.folder, name, "client", all);
    });
  }

  /** Waits until all workers are connected and all clients are calling. */
  async settled(): Promise<void> {
    const seats = [...this.workers, ...this.clients];
    await Promise.all(seats.map(({ process }) => process.ready));
  }

  /** Lets every client finish its calls and exit. */
  async finishClients(): Promise<void> {
    for (const { process } of this.clients) process.tell({ kind: "stop" });
    await Promise.all(this.clients.map(({ process }) => process.ended));
  }

  /** Drains the running workers, including those just started. */
  async drainWorkers(): Promise<void> {
    await Promise.all(this.workers.map(({ process }) => terminate(process)));
  }

  /** Drains the workers, then the hub. */
  async drain(): Promise<void> {
    await this.drainWorkers();
    await terminate(this.hub);
  }

  /** Lists the processes here that failed without being killed, and how each ended. */
  failures(): string[] {
    return this.#everyone.flatMap(({ failure }) => failure ?? []);
  }

  async #close(): Promise<void> {
    await Promise.all(this.#everyone.map((one) => one.kill()));
    const seats = [...this.workers, ...this.clients];
    await Promise.all(seats.map(({ proxy }) => proxy.close()));
  }

  async #seat(
    kind: Seat["kind"],
    seats: Seat[],
    launch: (name: string, hub: string) => ManagedProcess,
  ): Promise<Seat> {
    const proxy = new TcpProxy({ host: "127.0.0.1", port: this.#port }, await findPort());
    await proxy.setDoor("open");
    const name = `${kind.replace(" ", "-")}-${seats.length + 1}`;
    const hub = this.#options.proxied ? proxy.address : this.address;
    const seat = new Seat(kind, name, proxy, (occupant) => {
      const process = launch(occupant, hub);
      this.#everyone.push(process);
      return process;
    });
    seats.push(seat);
    seat.start();
    return seat;
  }
}

async function terminate(process: ManagedProcess): Promise<void> {
  await process.listening;
  process.signal("SIGTERM");
  await process.ended;
}
