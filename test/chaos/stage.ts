import type { GibbsError } from "../../src/base/errors/error.js";
import type { Client } from "../../src/client/client.js";
import type { Cluster } from "./cluster.js";
import { loadGibbs } from "./gibbs.js";
import { machineNow } from "./machine-time.js";
import type { Seat } from "./seat.js";
import { type Start, StartBoard } from "./start-board.js";

/** Longer than any round: whatever should have ended the call by then has failed to. */
const TIMEOUT_MS = 30_000;

/** A call that the pool at `seat` is executing. */
export interface RunningCall {
  seat: Seat;
  /** Resolves when it is executed a second time. */
  again: Promise<Start>;
  /**
   * Resolves when its caller learns how it failed, with the error and the time on the machine's
   * clock.
   */
  failed: Promise<{ at: number; error: GibbsError }>;
  cancel(): void;
}

/** A set of pools, and a caller in this process that learns at once what they begin to execute. */
export class Stage {
  readonly pools: Seat[] = [];
  readonly #cluster: Cluster;
  readonly #client: Client;
  readonly #board = new StartBoard();
  #calls = 0;

  private constructor(cluster: Cluster, client: Client) {
    this.#cluster = cluster;
    this.#client = client;
  }

  /** Opens a stage with this many pools of one worker each. */
  static async open(cluster: Cluster, pools: number, slots: number): Promise<Stage> {
    const { Client } = await loadGibbs();
    const stage = new Stage(cluster, new Client(cluster.address));
    for (let pool = 0; pool < pools; pool += 1) {
      const seat = await cluster.addPool(1, slots);
      stage.#board.watch(seat.process);
      stage.pools.push(seat);
    }
    await cluster.settled();
    return stage;
  }

  /** Replaces a killed process. Resolves when the new one is serving. */
  async replace(seat: Seat): Promise<void> {
    const process = seat.start();
    this.#board.watch(process);
    await process.ready;
  }

  /** Makes a call that does not end by itself. Resolves when a pool has begun to execute it. */
  async call(idempotent: boolean): Promise<RunningCall> {
    this.#calls += 1;
    const id = `stage:${this.#calls}`;
    const cancel = new AbortController();
    const began = this.#board.next(id);
    const failed = this.#client
      .request(
        { id, workMs: 2 * TIMEOUT_MS },
        { idempotent, timeoutMs: TIMEOUT_MS, signal: cancel.signal },
      )
      .then(
        () => {
          throw new Error(`${id} was answered`);
        },
        (error: GibbsError) => ({ at: machineNow(), error }),
      );
    const { host } = await began;
    const seat = this.#cluster.workers.find(({ occupant }) => occupant === host);
    if (seat === undefined) throw new Error(`no pool is called ${host}`);
    return { seat, again: this.#board.next(id), failed, cancel: () => cancel.abort() };
  }

  close(): void {
    this.#client.close();
  }
}
