import type { ClientDuplexStream } from "@grpc/grpc-js";
import { onAbort } from "../../../src/base/abort.js";
import { Backoff } from "../../../src/base/backoff.js";
import { GibbsError } from "../../../src/base/errors/error.js";
import type { MultiplexConnection } from "../../../src/client/multiplex.js";
import type { Chance } from "../machine/chance.js";
import { ClientCall } from "../machine/client-call.js";
import type { Path } from "../machine/pipe.js";
import type { SimProcess } from "../machine/process.js";
import type { World } from "../world.js";
import type { HubProcess } from "./hub-process.js";

/** Same values as in `src/wire/dial/endpoint`. */
const BACKOFF = { minMs: 100, maxMs: 1000 };

/**
 * A client's channel to whichever hub is listening. It honours the contract of
 * `src/client/connection/connector`.
 */
export class HubLink implements MultiplexConnection {
  readonly process: SimProcess;
  readonly path: Path;
  readonly #world: World;
  readonly #onOpen: (call: ClientCall) => void;
  readonly #streams = new Set<ClientCall>();
  readonly #waiting = new Set<() => void>();
  readonly #backoff: Backoff;
  #onLeft: () => void = () => {};
  #hub: HubProcess | undefined;
  #isDialling = false;
  #isCut = false;

  constructor(
    world: World,
    machine: { process: SimProcess; path: Path; chance: Chance },
    onOpen: (call: ClientCall) => void,
  ) {
    this.#world = world;
    this.process = machine.process;
    this.path = machine.path;
    this.#backoff = new Backoff(BACKOFF, () => coarse(machine.chance));
    this.#onOpen = onOpen;
  }

  /** The streams that have not ended. */
  get streams(): ClientCall[] {
    for (const call of this.#streams) if (call.isOver) this.#streams.delete(call);
    return [...this.#streams];
  }

  /** False while a connection is broken without the client's knowledge. */
  get isWhole(): boolean {
    return !this.#isCut && this.streams.every(({ connection }) => connection.isWhole);
  }

  ready(until: number, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted || this.#hub !== undefined) return Promise.resolve();
    const { connectTimeoutMs } = this.#world.limits;
    const timeoutMs = Math.max(0, Math.min(until - this.process.now(), connectTimeoutMs));
    return new Promise((resolve, reject) => {
      let stopListening = (): void => {};
      const over = (): void => {
        timer.cancel();
        stopListening();
        this.#waiting.delete(finish);
      };
      const finish = (): void => {
        over();
        resolve();
      };
      const timer = this.process.setTimer(timeoutMs, () => {
        over();
        reject(notConnected());
      });
      this.#waiting.add(finish);
      stopListening = onAbort(signal, finish);
      this.#dial();
    });
  }

  /** There is one hub at a time, for which calls wait. */
  readonly current = undefined;

  avoid(): void {}

  /** A simulated process ends when the simulation says so. */
  detach(): void {}

  /** Sets what is called when the connection is going away or lost. */
  onLeft(onLeft: () => void): void {
    this.#onLeft = onLeft;
  }

  openMultiplex(): ClientDuplexStream<Buffer, Buffer> {
    return this.open().asStream;
  }

  /** Opens a stream to the hub that the client believes it is connected to. */
  open(): ClientCall {
    const hub = this.#hub;
    const { timeline, limits, connections } = this.#world;
    const machine = { ...this, timeline, highWaterBytes: limits.highWaterBytes };
    const call = new ClientCall(machine, () => (hub?.process.isDead ? undefined : hub?.clientEnd));
    connections.add(call.connection);
    this.#streams.add(call);
    this.#onOpen(call);
    // A status that the library generated itself tells it that the connection is gone.
    call.once("error", ({ details }: Error & { details: string }) => {
      if (details === "the connection broke") this.#lose(hub);
    });
    return call;
  }

  /** Breaks the connection; each side learns of it after its own delay. */
  cut(how: { hubAfterMs: number; peerAfterMs: number; losesAll: boolean }): void {
    for (const { connection } of this.streams) connection.cut(how);
    const hub = this.#hub;
    this.#isCut = true;
    this.process.input(this.process.now() + how.peerAfterMs, () => {
      this.#isCut = false;
      this.#lose(hub);
    });
  }

  /**
   * Announces that the connection will be closed, as a proxy does, and breaks it after `graceMs`
   * where it is still in use.
   */
  goAway(graceMs: number): void {
    const hub = this.#hub;
    const leaving = this.streams;
    for (const { connection } of leaving) connection.goAway(graceMs);
    this.process.input(this.process.now() + this.path.delay(), () => {
      for (const call of leaving) call.isGoingAway = true;
      this.#lose(hub);
      for (const call of leaving) call.observer?.left();
    });
  }

  /** Like closing a channel: releases everything that waits for a connection. */
  close(): void {
    for (const finish of [...this.#waiting]) finish();
  }

  /** Called when the client's process has died. */
  die(withItsMachine: boolean): void {
    for (const { connection } of this.streams) connection.peerDied(withItsMachine);
  }

  #lose(hub: HubProcess | undefined): void {
    if (this.#hub !== hub) return;
    this.#hub = undefined;
    this.#onLeft();
  }

  /** Keeps dialing as long as anything is waiting for a connection. */
  #dial(): void {
    if (this.#isDialling) return;
    this.#isDialling = true;
    this.process.input(this.process.now() + this.path.delay(), () => {
      this.#isDialling = false;
      const { up, down } = this.path.blockedUntil;
      this.#hub = Math.max(up, down) > this.process.now() ? undefined : this.#world.hub;
      if (this.#hub === undefined) {
        if (this.#waiting.size === 0) return;
        return void this.process.setTimer(this.#backoff.next(), () => this.#dial());
      }
      this.#backoff.reset();
      for (const finish of [...this.#waiting]) finish();
    });
  }
}

/** Like `Math.random`, in steps that keep sums of doubles exact. */
export function coarse(chance: Chance): number {
  return chance.int(0, 7) / 8;
}

function notConnected(): GibbsError {
  const details = { reason: "NOT_CONNECTED", execution: "NOT_STARTED" } as const;
  return new GibbsError("UNAVAILABLE", "no hub answers", details);
}
