import type { StatusObject } from "@grpc/grpc-js";
import {
  decodeWorkResponse,
  encodeWorkerEvents,
  HeartbeatMode,
  Idempotency,
  type WorkerEventInit,
} from "../../../src/wire/messages/work.js";
import type { JobInput } from "../../../src/worker/executor.js";
import { Reconnect } from "../../../src/worker/reconnect.js";
import { WorkerSession } from "../../../src/worker/session/session.js";
import { Chance } from "../machine/chance.js";
import { Connection, type PeerEnd, readStatus } from "../machine/connection.js";
import { Path } from "../machine/pipe.js";
import { SimProcess } from "../machine/process.js";
import { WorkerOracle } from "../oracle/worker-oracle.js";
import type { World } from "../world.js";
import { SimExecutor, type WorkerKind } from "./executor.js";

const CONNECT_TIMEOUT_MS = 20_000;

/**
 * A worker process: a series of real sessions, run by the real `Reconnect`, over simulated
 * connections.
 */
export class WorkerProcess implements PeerEnd {
  readonly process: SimProcess;
  readonly path: Path;
  readonly kind: WorkerKind;
  readonly executor: SimExecutor;
  /** Free slots, as reported by the executor. */
  free = 0;
  connection: Connection | undefined;
  readonly seed: number;
  /** Whether it has begun to drain. */
  isLeaving = false;
  readonly #world: World;
  readonly #instanceId: Uint8Array;
  readonly #reconnect: Reconnect;
  /** Whether it repeats results of its old stream on a new one. */
  readonly #repeats: boolean;
  /** When it last lost an idle slot. */
  #slotLostAt = Number.NEGATIVE_INFINITY;
  #session: WorkerSession | undefined;
  #oracle: WorkerOracle | undefined;
  #lastResults: WorkerEventInit[] = [];

  constructor(world: World, kind: WorkerKind, seed: number) {
    const chance = new Chance(seed);
    this.#world = world;
    this.kind = kind;
    this.seed = seed;
    this.process = new SimProcess(world.timeline);
    this.path = new Path(chance, 0.125, chance.pick([1, 5, 50]));
    this.#instanceId = Uint8Array.from({ length: 16 }, () => chance.int(0, 255));
    this.#repeats = chance.flip(0.3);
    this.#reconnect = new Reconnect("hub", this.process, () => chance.int(0, 1023) / 1024);
    this.executor = new SimExecutor(kind, this.#executorPort());
    void this.executor.start((change) => this.#onSlots(change));
    this.#dial();
  }

  onMessage(encoded: Buffer): void {
    const events = decodeWorkResponse(encoded);
    this.#oracle?.heard(events);
    const drainAt = events.findIndex(({ event }) => event.case === "drain");
    if (drainAt < 0) return this.#session?.receive(events);
    this.#session?.receive(events.slice(0, drainAt));
    this.#oracle?.draining();
    this.#session?.receive(events.slice(drainAt));
  }

  onEnd(status: StatusObject | undefined): void {
    const error = status && readStatus(status);
    const end = (this.#session as WorkerSession).ended(error);
    this.#world.log(() => `${this.kind.workerId} lost its hub: ${error?.message ?? "OK"}`);
    this.#oracle?.over();
    this.#session = undefined;
    this.connection = undefined;
    if (this.isLeaving) return this.die(false);
    const next = this.#reconnect.after(end);
    if (next.kind === "stop") return this.die(false);
    this.process.setTimer(Math.ceil(next.afterMs), () => this.#dial());
  }

  /** Finishes the running jobs, then exits. */
  leave(): void {
    this.process.input(this.process.now(), () => {
      if (this.isLeaving) return;
      this.isLeaving = true;
      if (this.#session?.isWelcomed !== true) return this.die(false);
      this.#oracle?.draining();
      this.#session.drain("leaving");
      this.process.setTimer(this.#world.limits.drainTimeoutMs, () => this.die(false));
    });
  }

  /** Kills an idle child. Returns whether there was one. */
  loseSlot(): boolean {
    if (!this.kind.isPool || this.process.isFrozen || this.free <= 0) return false;
    this.#slotLostAt = this.process.now();
    this.executor.vanish();
    return true;
  }

  /** Kills the process, possibly together with its machine. */
  die(withItsMachine: boolean): void {
    if (this.process.isDead) return;
    this.#world.log(() => `${this.kind.workerId} dies`);
    this.process.die();
    this.connection?.peerDied(withItsMachine);
    this.connection = undefined;
    this.#world.workers.delete(this);
    this.#world.onWorkerGone(this);
  }

  #dial(): void {
    const connection = new Connection(this.#world.timeline, this, () => this.#world.hub);
    this.#world.connections.add(connection);
    this.connection = connection;
    this.#oracle = new WorkerOracle(
      this.process,
      (check, what) => this.#world.fail(check, `${this.kind.workerId}: ${what}`),
      () => this.free + (this.#slotLostAt === this.process.now() ? 1 : 0),
      CONNECT_TIMEOUT_MS,
    );
    this.process.onThaw = (stalledMs) => this.#oracle?.stalled(stalledMs);
    this.#session = new WorkerSession(
      {
        clock: this.process,
        executor: this.executor,
        freeSlots: () => this.free,
        send: (events) => this.#send(connection, events),
        giveUp: () => {
          this.#oracle?.gaveUp();
          connection.cancel();
        },
        onWelcome: () => this.#repeatResults(connection),
      },
      this.#hello(),
      CONNECT_TIMEOUT_MS,
    );
  }

  #send(connection: Connection, events: readonly WorkerEventInit[]): void {
    this.#oracle?.sent(events);
    for (const message of encodeWorkerEvents(events)) connection.write(message);
    if (this.#repeats) {
      this.#lastResults.push(...events.filter((event) => event.case === "result"));
      this.#lastResults = this.#lastResults.slice(-2);
    }
  }

  /** Repeats results of an old stream on a new one, which no worker may do. */
  #repeatResults(connection: Connection): void {
    for (const event of this.#lastResults.splice(0)) {
      if (event.case !== "result") continue;
      this.#world.count("fault", "result repeated");
      for (const message of encodeWorkerEvents([event])) {
        connection.write(message, event.value.jobId);
      }
    }
  }

  #onSlots(change: number): void {
    this.free += change;
    if (change > 0) this.#session?.offerSlots();
  }

  #executorPort() {
    const world = this.#world;
    return {
      process: this.process,
      maxPayloadBytes: world.limits.maxPayloadBytes,
      began: (job: JobInput, signal: AbortSignal) => {
        if (this.free < 0) world.fail("ready means free", `${this.kind.workerId} is overbooked`);
        this.#oracle?.began(job, signal);
      },
      ran: (job: JobInput) => {
        if (world.isDoomed(this.kind.workerId)) this.process.setTimer(1, () => this.die(false));
        return world.ran(job);
      },
      returned: (job: JobInput, value: object | undefined) => world.returned(job, value),
      finished: (job: JobInput) => this.#oracle?.finished(job),
      crash: () => this.die(false),
      count: (behaviour: string) => world.count("handler", behaviour),
    };
  }

  #hello(): WorkerEventInit {
    const { ALWAYS, WHEN_IDLE } = HeartbeatMode;
    const { IDEMPOTENT, NOT_IDEMPOTENT, UNSPECIFIED } = Idempotency;
    return {
      case: "hello",
      value: {
        workerId: this.kind.workerId,
        instanceId: this.#instanceId,
        methods: this.kind.methods.map(({ name, idempotent }) => ({
          name,
          idempotency:
            idempotent === undefined ? UNSPECIFIED : idempotent ? IDEMPOTENT : NOT_IDEMPOTENT,
        })),
        heartbeatMode: this.executor.beatsWhileBusy ? ALWAYS : WHEN_IDLE,
        maxReceiveBytes: this.kind.maxReceiveBytes,
      },
    };
  }
}
