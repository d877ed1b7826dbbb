import type { StatusObject } from "@grpc/grpc-js";
import {
  decodeWorkRequest,
  decodeWorkResponse,
  encodeHubEvents,
  encodeWorkerEvents,
  type HubEvent,
  type WorkerEventInit,
} from "../../../src/wire/messages/work.js";
import type { WorkStream, WorkStreamListener } from "../../../src/worker/work-call.js";
import { Connection, type PeerEnd, readStatus } from "../machine/connection.js";
import type { Path } from "../machine/pipe.js";
import type { SimProcess } from "../machine/process.js";
import { WorkerOracle } from "../oracle/worker-oracle.js";
import type { World } from "../world.js";

/** The worker process that a stream belongs to, as the stream needs it. */
export interface StreamOwner {
  readonly process: SimProcess;
  readonly path: Path;
  readonly workerId: string;
  readonly maxReceiveBytes: number;
  /** How long it waits for the hub's welcome, in milliseconds. */
  readonly connectTimeoutMs: number;
  readonly isLeaving: boolean;
  /** Returns the number of slots that may be offered on all streams together. */
  freeSlots(): number;
  /** Called when the worker offers slots. */
  onReady(): void;
  onWelcome(stream: WorkerStream): void;
  onGoingAway(stream: WorkerStream): void;
  onDrain(stream: WorkerStream): void;
  onEnd(stream: WorkerStream, how: string): void;
}

/**
 * A worker's end of a `Work` call over a simulated connection, watched by an oracle. It honours the
 * contract of `src/worker/work-call`.
 */
export class WorkerStream implements PeerEnd, WorkStream {
  readonly process: SimProcess;
  readonly path: Path;
  readonly connection: Connection;
  readonly oracle: WorkerOracle;
  /** Whether the hub has welcomed the worker on it. */
  isWelcomed = false;
  /** Whether the worker has heard that its connection is going away. */
  isGoingAway = false;
  /** Whether either side has begun to drain it. */
  isDraining = false;
  readonly #owner: StreamOwner;
  readonly #listener: WorkStreamListener;
  /** The last results that the worker has sent. */
  results: WorkerEventInit[] = [];

  constructor(world: World, owner: StreamOwner, listener: WorkStreamListener) {
    this.process = owner.process;
    this.path = owner.path;
    this.#owner = owner;
    this.#listener = listener;
    this.oracle = new WorkerOracle(
      owner.process,
      (check, what) => world.fail(check, `${owner.workerId}: ${what}`),
      () => owner.freeSlots(),
      owner.connectTimeoutMs,
    );
    this.connection = new Connection(world.timeline, this, () => world.hub);
    world.connections.add(this.connection);
  }

  write(encoded: Buffer): void {
    const events = decodeWorkRequest(encoded).map(({ event }) => event);
    this.oracle.sent(events);
    this.results = [...this.results, ...events.filter((event) => event.case === "result")].slice(
      -2,
    );
    if (events.some((event) => event.case === "ready")) this.#owner.onReady();
    if (events.some((event) => event.case === "drain")) {
      this.#drains();
      this.#owner.onDrain(this);
    }
    const [first] = events;
    if (first?.case !== "hello") return void this.connection.write(encoded);
    // The simulated limits are far below those that an option allows.
    const { maxReceiveBytes } = this.#owner;
    const hello = { case: first.case, value: { ...first.value, maxReceiveBytes } };
    for (const message of encodeWorkerEvents([hello, ...(events.slice(1) as WorkerEventInit[])])) {
      this.connection.write(message);
    }
  }

  cancel(): void {
    this.oracle.gaveUp(this.#owner.isLeaving);
    this.connection.cancel();
  }

  /** Records that the worker or the hub has begun to drain it. */
  #drains(): void {
    this.isDraining = true;
    this.oracle.draining();
  }

  onMessage(encoded: Buffer): void {
    const events = decodeWorkResponse(encoded);
    this.oracle.heard(events);
    const drainAt = events.findIndex(({ event }) => event.case === "drain");
    if (drainAt < 0) this.#listener.onMessage(encoded);
    else {
      this.#deliver(events.slice(0, drainAt));
      this.#drains();
      this.#deliver(events.slice(drainAt));
    }
    if (this.isWelcomed || !events.some(({ event }) => event.case === "welcome")) return;
    this.isWelcomed = true;
    this.#owner.onWelcome(this);
  }

  onGoingAway(): void {
    this.isGoingAway = true;
    this.#listener.onGoingAway();
    this.#owner.onGoingAway(this);
  }

  onEnd(status: StatusObject | undefined): void {
    const error = status && readStatus(status);
    // The library knows first that the connection has gone.
    if (error?.message === "the connection broke") this.#listener.onGoingAway();
    this.#listener.onEnd(error);
    this.oracle.over();
    this.#owner.onEnd(this, error === undefined ? "OK" : error.reason || error.message);
  }

  #deliver(events: readonly HubEvent[]): void {
    const known = events.flatMap(({ event }) => (event.case === undefined ? [] : [event]));
    for (const message of encodeHubEvents(known)) this.#listener.onMessage(message);
  }
}
