import type { StatusObject } from "@grpc/grpc-js";
import { GibbsError } from "../../../src/base/error.js";
import { DETAILS_KEY, fromStatus } from "../../../src/wire/status.js";
import { type Path, Pipe } from "./pipe.js";
import type { SimProcess } from "./process.js";
import type { ServerCall } from "./server-call.js";
import { Phase, type Timeline } from "./timeline.js";

/** The worker's end of a connection, as `src/worker/connection` tells it. */
export interface WorkerEnd {
  readonly process: SimProcess;
  readonly path: Path;
  onMessage(encoded: Buffer): void;
  /** Once and last: with nothing after a clean end. */
  onEnd(error: GibbsError | undefined): void;
}

/** Whoever listens at the hub's address. */
export interface HubEnd {
  readonly process: SimProcess;
  accept(connection: Connection): ServerCall;
}

/** A message of the worker. A forged one speaks of a job that the worker does not have. */
interface Data {
  kind: "data";
  encoded: Buffer;
  forgedJob: number | undefined;
}

type Up = { kind: "open" | "closed" | "halfClose" | "reset" } | Data;
type Down =
  | { kind: "data"; encoded: Buffer }
  | { kind: "status"; status: StatusObject | undefined }
  | { kind: "reset" };

/** A peer that has vanished is found out after this: the hub's HTTP/2 keepalive. */
export const KEEPALIVE_MS = 50_000;

/** One `Work` call on its way: what each side sends reaches the other later, in order, or never. */
export class Connection {
  readonly #timeline: Timeline;
  readonly #worker: WorkerEnd;
  readonly #early: Up[] = [];
  #up: Pipe<Up> | undefined;
  #down: Pipe<Down> | undefined;
  #hub: HubEnd | undefined;
  #call: ServerCall | undefined;
  #workerGone = false;
  #hubGone = false;
  #isCut = false;

  /** Dials; `hubNow` tells who listens when the dial arrives. */
  constructor(timeline: Timeline, worker: WorkerEnd, hubNow: () => HubEnd | undefined) {
    this.#timeline = timeline;
    this.#worker = worker;
    const { path } = worker;
    const at = Math.max(timeline.now, path.blockedUntil.up, path.blockedUntil.down);
    timeline.add(at + path.delay(), Phase.input, () => this.#open(hubNow()));
  }

  /** Whether what either side says reaches the other. */
  get isWhole(): boolean {
    return !this.#workerGone && !this.#hubGone && !this.#isCut;
  }

  /** The worker writes. */
  write(encoded: Buffer, forgedJob?: number): void {
    this.#sendUp({ kind: "data", encoded, forgedJob }, encoded.length);
  }

  /** The worker closes its side, which no worker may do first. */
  halfClose(): void {
    this.#sendUp({ kind: "halfClose" });
  }

  /** The worker gives the call up. */
  cancel(): void {
    if (this.#workerGone) return;
    this.#sendUp({ kind: "reset" });
    this.#worker.process.input(this.#timeline.now, () =>
      this.#endWorker(new GibbsError("CANCELLED", "the worker gave the call up")),
    );
  }

  /** The worker's process is gone. Its machine tells the hub so, unless that has gone, too. */
  workerDied(withItsMachine: boolean): void {
    if (this.#workerGone) return;
    this.#sendUp({ kind: "reset" });
    this.#workerGone = true;
    if (withItsMachine) this.cut({ hubAfterMs: KEEPALIVE_MS, workerAfterMs: 0, losesAll: true });
  }

  /** The hub's process is gone. */
  hubDied(): void {
    this.#hubGone = true;
    this.#down?.send({ kind: "reset" });
  }

  /** The hub writes; returns how much the worker has not read yet, in bytes. */
  writeDown(encoded: Buffer): number {
    this.#down?.send({ kind: "data", encoded }, encoded.length);
    return this.#down?.unreadBytes ?? 0;
  }

  /** The hub ends the call, with OK if there is no status. */
  endDown(status: StatusObject | undefined): void {
    this.#down?.send({ kind: "status", status });
  }

  /** The connection breaks; each side learns of it at its own time. */
  cut(how: { hubAfterMs: number; workerAfterMs: number; losesAll: boolean }): void {
    this.#isCut = true;
    for (const pipe of [this.#up, this.#down]) {
      if (how.losesAll) pipe?.cut();
      else pipe?.close();
    }
    const { now } = this.#timeline;
    this.#hub?.process.input(now + how.hubAfterMs, () => this.#loseHub());
    this.#worker.process.input(now + how.workerAfterMs, () => this.#endWorker(unavailable()));
  }

  /** The path is mended: what waited for it goes on. */
  mended(): void {
    this.#up?.pump();
    this.#down?.pump();
  }

  #open(hub: HubEnd | undefined): void {
    if (this.#workerGone) return;
    if (hub === undefined) {
      const at = this.#timeline.now + this.#worker.path.delay();
      return this.#worker.process.input(at, () => this.#endWorker(unavailable()));
    }
    this.#hub = hub;
    this.#up = new Pipe(this.#worker.path, "up", hub.process, (item) => this.#arriveUp(item));
    const down = new Pipe<Down>(this.#worker.path, "down", this.#worker.process, (item) =>
      this.#arriveDown(item),
    );
    down.onRead = () => {
      if (down.unreadBytes > 0 || !this.#call?.isFull) return;
      hub.process.input(this.#timeline.now, () => this.#call?.drained());
    };
    this.#down = down;
    this.#up.send({ kind: "open" });
    for (const item of this.#early) this.#sendUp(item, sizeOf(item));
  }

  #sendUp(item: Up, bytes = 0): void {
    if (this.#workerGone) return;
    if (this.#up === undefined) this.#early.push(item);
    else this.#up.send(item, bytes);
  }

  #arriveUp(item: Up): void {
    if (this.#hubGone) return;
    switch (item.kind) {
      case "open":
        this.#call = this.#hub?.accept(this);
        break;
      case "data":
        this.#call?.receive(item.encoded, item.forgedJob);
        break;
      case "halfClose":
        this.#call?.halfClosed();
        break;
      case "closed":
        this.#hubGone = true;
        this.#call?.closed();
        break;
      case "reset":
        this.#loseHub();
        break;
    }
  }

  #arriveDown(item: Down): void {
    if (this.#workerGone) return;
    if (item.kind === "data") return this.#worker.onMessage(item.encoded);
    if (item.kind === "reset") return this.#endWorker(unavailable());
    const { status } = item;
    this.#sendUp({ kind: "closed" });
    if (status === undefined) return this.#endWorker(undefined);
    const details = status.metadata.get(DETAILS_KEY)[0];
    this.#endWorker(fromStatus(status.code, status.details, details));
  }

  #loseHub(): void {
    if (this.#hubGone) return;
    this.#hubGone = true;
    this.#call?.lost();
  }

  #endWorker(error: GibbsError | undefined): void {
    if (this.#workerGone) return;
    this.#workerGone = true;
    this.#worker.onEnd(error);
  }
}

function sizeOf(item: Up): number {
  return item.kind === "data" ? item.encoded.length : 0;
}

function unavailable(): GibbsError {
  return new GibbsError("UNAVAILABLE", "the connection broke");
}
