import { randomInstanceId } from "../base/random.js";
import { HubConnection, type HubConnectionOptions } from "./hub-connection.js";
import type { WorkerIdentity } from "./session/hello.js";

/** What the connections of a worker have in common. */
export type ConnectionSettings = Omit<HubConnectionOptions, "identity" | "freeSlots">;

/**
 * The open connections of a worker: the newest, and older ones that finish their jobs because they
 * are going away. The free slots are offered on one of them at a time: on the newest that the hub
 * has welcomed, or on the only one.
 */
export class Connections {
  readonly #settings: ConnectionSettings;
  /** From oldest to newest. */
  readonly #open = new Set<HubConnection>();
  #identity: WorkerIdentity;
  #free = 0;
  /** The connection on which the free slots are offered; undefined while there is none. */
  #offering: HubConnection | undefined;

  constructor(workerId: string, settings: ConnectionSettings) {
    this.#settings = settings;
    this.#identity = { workerId, instanceId: randomInstanceId() };
  }

  /** Whether none is open. */
  get isEmpty(): boolean {
    return this.#open.size === 0;
  }

  /** Opens a connection. */
  open(): HubConnection {
    const connection: HubConnection = new HubConnection({
      ...this.#settings,
      identity: this.#identity,
      freeSlots: (asking) => (asking === (this.#offering ?? asking) ? this.#free : 0),
    });
    this.#open.add(connection);
    this.#offering ??= connection;
    return connection;
  }

  /**
   * Makes the next connection one that does not supersede those that are open: the instance id is
   * a new one from then on.
   */
  renewInstance(): void {
    this.#identity = { ...this.#identity, instanceId: randomInstanceId() };
  }

  /** Offers the free slots on `current`, which was welcomed, and drains all others. */
  handOverTo(current: HubConnection, reason: string): void {
    for (const connection of this.#open) {
      if (connection !== current) connection.drain(reason);
    }
    this.#offerOn(current);
  }

  /**
   * Forgets the connections that have ended, except `current`. Returns whether the hub asked one of
   * them to exit.
   */
  forgetEnded(current: HubConnection | undefined): boolean {
    let mustExit = false;
    for (const connection of this.#open) {
      const { end } = connection;
      if (connection === current || end === undefined) continue;
      mustExit ||= end.next?.kind === "exit";
      if (end.error !== undefined) {
        const { hub } = this.#settings.worker;
        this.#settings.logger.warn({ hub }, `an old connection was lost: ${end.error.message}`);
      }
      this.forget(connection);
    }
    return mustExit;
  }

  /** Forgets a connection that has ended. */
  forget(connection: HubConnection): void {
    this.#open.delete(connection);
    if (this.#offering === connection) this.#offerOn([...this.#open].at(-1));
  }

  /** Drains all connections; cancels those that were not welcomed, which no hub would end. */
  drain(reason: string): void {
    for (const connection of this.#open) {
      if (connection.isWelcomed) connection.drain(reason);
      else connection.cancel();
    }
  }

  /** Cancels all connections. */
  cancel(): void {
    for (const connection of this.#open) connection.cancel();
  }

  /** Records a change in the number of free slots. Called for every job. */
  addFreeSlots(change: number): void {
    this.#free += change;
    if (change > 0) this.#offering?.offerSlots();
  }

  #offerOn(connection: HubConnection | undefined): void {
    this.#offering = connection;
    connection?.offerSlots();
  }
}
