import type { TcpProxy } from "../support/tcp-proxy.js";
import type { ManagedProcess } from "./managed-process.js";

/** The place of a process that is replaced when it ends; its proxy remains. */
export class Seat {
  /** Whether a fault is acting here. */
  struck = false;
  #generation = 0;
  #process: ManagedProcess | undefined;

  /**
   * @param kind of process in this seat.
   * @param name of the seat; its processes are `name.1`, `name.2`.
   * @param proxy between the process and the hub, if the cluster has proxies.
   * @param launch starts a process with the given name.
   */
  constructor(
    readonly kind:
      | "agent"
      | "pool"
      | "raw"
      | "python"
      | "python agent"
      | "client"
      | "python client",
    readonly name: string,
    readonly proxy: TcpProxy,
    readonly launch: (name: string) => ManagedProcess,
  ) {}

  /** The name of the current process. */
  get occupant(): string {
    return `${this.name}.${this.#generation}`;
  }

  get process(): ManagedProcess {
    if (this.#process === undefined) throw new Error(`no process has been started at ${this.name}`);
    return this.#process;
  }

  /** Starts a new process in this seat. */
  start(): ManagedProcess {
    this.#generation += 1;
    this.#process = this.launch(this.occupant);
    return this.#process;
  }
}
