import { encodeWorkerEvents } from "../../../src/wire/messages/work.js";
import type { JobInput } from "../../../src/worker/executor.js";
import { WorkerLoop } from "../../../src/worker/loop.js";
import { workerFixed } from "../../../src/worker/options.js";
import type { WorkStream, WorkStreamListener } from "../../../src/worker/work-call.js";
import { Chance } from "../machine/chance.js";
import { Path } from "../machine/pipe.js";
import { SimProcess } from "../machine/process.js";
import type { WorkerOracle } from "../oracle/worker-oracle.js";
import type { World } from "../world.js";
import { SimExecutor, type WorkerKind } from "./executor.js";
import { coarse } from "./hub-link.js";
import { type StreamOwner, WorkerStream } from "./worker-stream.js";

/** A worker process: the real loop with its sessions, over simulated connections. */
export class WorkerProcess implements StreamOwner {
  readonly process: SimProcess;
  readonly path: Path;
  readonly kind: WorkerKind;
  readonly executor: SimExecutor;
  readonly seed: number;
  readonly connectTimeoutMs = 20_000;
  /** Whether it has begun to drain. */
  isLeaving = false;
  readonly #world: World;
  readonly #loop: WorkerLoop;
  /** The open streams, from oldest to newest. */
  readonly #streams = new Set<WorkerStream>();
  /** The number of streams so far. */
  #opened = 0;
  /** Whether it repeats results of its old stream on a new one. */
  readonly #repeats: boolean;
  /** When a stream last ended. */
  #endedAt = Number.NEGATIVE_INFINITY;
  #orphans: WorkerStream["results"] = [];
  /** When it last lost an idle slot. */
  #slotLostAt = Number.NEGATIVE_INFINITY;

  constructor(world: World, kind: WorkerKind, seed: number) {
    const chance = new Chance(seed);
    this.#world = world;
    this.kind = kind;
    this.seed = seed;
    this.process = new SimProcess(world.timeline, "last");
    this.path = new Path(chance, 0.125, chance.pick([1, 5, 50]));
    this.#repeats = chance.flip(0.3);
    this.executor = new SimExecutor(kind, this.#executorPort());
    this.process.onThaw = (stalledMs) => {
      for (const { oracle } of this.#streams) oracle.stalled(stalledMs);
    };
    const { drainTimeoutMs } = world.limits;
    const { workerId, connectTimeoutMs } = this;
    const options = {
      ...{ workerId, connectTimeoutMs, drainTimeoutMs, clock: this.process },
      random: () => coarse(chance),
    };
    const open = (_hubs: unknown, _maxBytes: number, listener: WorkStreamListener): WorkStream =>
      this.#open(listener);
    this.#loop = new WorkerLoop(this.executor, options, open);
    const exit = (): void => this.die(false);
    this.#loop.run().then(exit, exit);
    world.timeline.mustSettle = true;
  }

  get workerId(): string {
    return this.kind.workerId;
  }

  get maxReceiveBytes(): number {
    return this.kind.maxReceiveBytes;
  }

  /** The open streams, from oldest to newest. */
  get streams(): WorkerStream[] {
    return [...this.#streams];
  }

  freeSlots(): number {
    return this.executor.free + (this.#slotLostAt === this.process.now() ? 1 : 0);
  }

  /** Finishes the running jobs, then exits. */
  leave(): void {
    this.process.input(this.process.now(), () => {
      if (this.isLeaving) return;
      this.isLeaving = true;
      void this.#loop.drain();
    });
  }

  /** Kills an idle child. Returns whether there was one. */
  loseSlot(): boolean {
    if (!this.kind.isPool || this.process.isFrozen || this.executor.free <= 0) return false;
    this.#slotLostAt = this.process.now();
    this.executor.vanish();
    return true;
  }

  /** Kills the process, possibly together with its machine. */
  die(withItsMachine: boolean): void {
    if (this.process.isDead) return;
    this.#world.log(() => `${this.workerId} dies`);
    this.process.die();
    for (const { connection } of this.#streams) connection.peerDied(withItsMachine);
    this.#streams.clear();
    this.#world.workers.delete(this);
    this.#world.onWorkerGone(this);
  }

  onWelcome(stream: WorkerStream): void {
    this.#repeatResults(stream);
    this.process.inspect(this.process.now(), () => {
      for (const other of this.#streams) {
        if (other === stream) return;
        if (!other.isDraining) this.#fail("a hand-over drains the old stream");
      }
    });
  }

  onReady(): void {
    // What is sent in one turn on two connections has no order: its sum counts.
    this.process.inspect(this.process.now(), () => {
      let offered = 0;
      for (const { oracle } of this.#streams) offered += oracle.credit;
      if (offered <= this.freeSlots()) return;
      this.#fail("a slot is offered on one stream", `${offered}, ${this.freeSlots()} are free`);
    });
  }

  onDrain(stream: WorkerStream): void {
    // A drain is written at the end of a turn, in which the newer stream may have ended.
    if (this.isLeaving || this.#endedAt === this.process.now()) return;
    const others = this.streams.filter((other) => other !== stream && other.isWelcomed);
    if (others.length === 0) this.#fail("a worker is never without a stream");
  }

  onGoingAway(stream: WorkerStream): void {
    if (!stream.isWelcomed || stream !== this.streams.at(-1)) return;
    this.#world.count("worker", "hands over");
    if (stream.oracle.jobs > 0) this.#world.count("worker", "hands over with jobs in flight");
    const before = this.#opened;
    const later = (look: () => void): void =>
      void this.process.inspect(this.process.now() + workerFixed.reconnect.maxMs, look);
    const check = (): void => {
      // A stream that has ended meanwhile is replaced like any that was lost.
      if (this.isLeaving || this.#opened > before || !this.#streams.has(stream)) return;
      this.#fail("a connection that is going away is replaced");
    };
    // Twice: a process that was blocked looks before it has done what it was about to do.
    later(() => later(check));
  }

  onEnd(stream: WorkerStream, how: string): void {
    this.#world.log(() => `${this.workerId} lost its hub: ${how}`);
    this.#streams.delete(stream);
    this.#endedAt = this.process.now();
    this.#orphans = stream.results;
    if (stream.isGoingAway && how === "SUPERSEDED") this.#fail("a hand-over loses nothing");
  }

  #open(listener: WorkStreamListener): WorkStream {
    if (this.process.isDead) return { write: () => {}, cancel: () => {} };
    const stream = new WorkerStream(this.#world, this, listener);
    this.#streams.add(stream);
    this.#opened += 1;
    return stream;
  }

  /** Repeats results of an old stream on a new one, which no worker may do. */
  #repeatResults({ connection }: WorkerStream): void {
    if (!this.#repeats) return;
    for (const event of this.#orphans.splice(0)) {
      if (event.case !== "result") continue;
      this.#world.count("fault", "result repeated");
      for (const message of encodeWorkerEvents([event])) {
        connection.write(message, event.value.jobId);
      }
    }
  }

  #oracleOf(job: JobInput): WorkerOracle | undefined {
    return this.streams.find(({ oracle }) => oracle.has(job))?.oracle;
  }

  #executorPort() {
    const world = this.#world;
    return {
      process: this.process,
      maxPayloadBytes: world.limits.maxPayloadBytes,
      began: (job: JobInput, signal: AbortSignal) => {
        if (this.executor.free < 0) this.#fail("ready means free", "overbooked");
        const oracle = this.#oracleOf(job);
        if (oracle === undefined) this.#fail("starts what it holds", job.requestId);
        oracle?.began(job, signal);
      },
      ran: (job: JobInput) => {
        if (world.isDoomed(this.workerId)) this.process.setTimer(1, () => this.die(false));
        return world.ran(job);
      },
      returned: (job: JobInput, value: object | undefined) => world.returned(job, value),
      finished: (job: JobInput) => this.#oracleOf(job)?.finished(job),
      crash: () => this.die(false),
      count: (behaviour: string) => world.count("handler", behaviour),
    };
  }

  #fail(check: string, what = ""): void {
    this.#world.fail(check, `${this.workerId}: ${what}`);
  }
}
