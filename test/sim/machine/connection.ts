import { status as grpcStatus, Metadata, type StatusObject } from "@grpc/grpc-js";
import type { GibbsError } from "../../../src/base/errors/error.js";
import { DETAILS_KEY, fromStatus } from "../../../src/wire/grpc/status.js";
import { type Path, Pipe } from "./pipe.js";
import type { SimProcess } from "./process.js";
import type { ServerCall } from "./server-call.js";
import { Phase, type Timeline } from "./timeline.js";

/** The end that dialled the hub: a worker or a client. */
export interface PeerEnd {
  readonly process: SimProcess;
  readonly path: Path;
  onMessage(encoded: Buffer): void;
  /** Whether it is waiting for the hub to read what it has written. */
  readonly isFull?: boolean;
  /** Called when the hub has read everything written. */
  onDrain?(): void;
  /** Called when the server has announced that it will close the connection. */
  onGoingAway?(): void;
  /** Called exactly once, after everything else; without a status after a clean end. */
  onEnd(status: StatusObject | undefined): void;
}

/** The hub that is listening at the address. */
export interface HubEnd {
  readonly process: SimProcess;
  /** Called when a connection has arrived that the hub has not accepted yet. */
  dialled?(connection: Connection): void;
  accept(connection: Connection): ServerCall;
}

/** A message from the peer. A forged one names a job that its worker does not have. */
interface Data {
  kind: "data";
  encoded: Buffer;
  forgedJob: number | undefined;
}

type Up = { kind: "open" | "closed" | "halfClose" | "reset" } | Data;
type Down =
  | { kind: "data"; encoded: Buffer; onTaken: (() => void) | undefined }
  | { kind: "status"; status: StatusObject | undefined }
  | { kind: "goAway" }
  | { kind: "reset"; status: StatusObject };

/**
 * How long it takes to notice that a peer has vanished, in milliseconds: the hub's HTTP/2
 * keepalive.
 */
export const KEEPALIVE_MS = 50_000;

/**
 * A `Work` or `Multiplex` call in transit: what each side sends reaches the other later, in order,
 * or never.
 */
export class Connection {
  readonly #timeline: Timeline;
  readonly #peer: PeerEnd;
  readonly #early: Up[] = [];
  #up: Pipe<Up> | undefined;
  #down: Pipe<Down> | undefined;
  #hub: HubEnd | undefined;
  #call: ServerCall | undefined;
  #peerGone = false;
  #hubGone = false;
  #isCut = false;
  #isGoingAway = false;

  /** Dials; `hubNow` returns the hub that is listening when the dial arrives. */
  constructor(timeline: Timeline, peer: PeerEnd, hubNow: () => HubEnd | undefined) {
    this.#timeline = timeline;
    this.#peer = peer;
    const { path } = peer;
    const at = Math.max(timeline.now, path.blockedUntil.up, path.blockedUntil.down);
    timeline.add(at + path.delay(), Phase.input, () => this.#open(hubNow()));
  }

  /** Whether each side's messages can still reach the other. */
  get isWhole(): boolean {
    return !this.#peerGone && !this.#hubGone && !this.#isCut;
  }

  /** Writes as the peer; returns how many bytes the hub has not read yet. */
  write(encoded: Buffer, forgedJob?: number): number {
    this.#sendUp({ kind: "data", encoded, forgedJob });
    return this.#up?.unreadBytes ?? 0;
  }

  /** Closes the peer's side, which no worker may do first. */
  halfClose(): void {
    this.#sendUp({ kind: "halfClose" });
  }

  /** Cancels the call as the peer. */
  cancel(): void {
    if (this.#peerGone) return;
    this.#sendUp({ kind: "reset" });
    this.#peer.process.input(this.#timeline.now, () =>
      this.#endPeer(bareStatus(grpcStatus.CANCELLED, "Cancelled on client")),
    );
  }

  /** Called when the peer's process has died. Its machine tells the hub, unless it has died too. */
  peerDied(withItsMachine: boolean): void {
    if (this.#peerGone) return;
    this.#sendUp({ kind: "reset" });
    this.#peerGone = true;
    if (withItsMachine) this.cut({ hubAfterMs: KEEPALIVE_MS, peerAfterMs: 0, losesAll: true });
  }

  /** Called when the hub's process has died. */
  hubDied(): void {
    this.#hubGone = true;
    this.#down?.send({ kind: "reset", status: unavailable() });
  }

  /** Writes as the hub; returns how many bytes the peer has not read yet. */
  writeDown(encoded: Buffer, onTaken: (() => void) | undefined): number {
    this.#down?.send({ kind: "data", encoded, onTaken }, encoded.length);
    return this.#down?.unreadBytes ?? 0;
  }

  /** Ends the call as the hub; with OK if `status` is undefined. */
  endDown(status: StatusObject | undefined): void {
    this.#down?.send({ kind: "status", status });
  }

  /** Resets the call as the hub; the peer's library generates its own status for that. */
  resetDown(status: StatusObject): void {
    this.#down?.send({ kind: "reset", status });
    this.#hub?.process.input(this.#timeline.now, () => this.#loseHub());
  }

  /** Sets whether the hub stops reading. */
  holdUp(isHeld: boolean): void {
    this.#up?.hold(isHeld);
  }

  /**
   * Announces to the peer that the connection will be closed, as a proxy does, and breaks it after
   * `graceMs` if it is still open.
   */
  goAway(graceMs: number): void {
    this.#isGoingAway = true;
    this.#down?.send({ kind: "goAway" });
    this.#timeline.add(this.#timeline.now + graceMs, Phase.input, () => this.endGrace());
  }

  /** Breaks a connection that is going away. */
  endGrace(): void {
    if (!this.#isGoingAway || !this.isWhole) return;
    this.cut({ hubAfterMs: 0, peerAfterMs: 0, losesAll: false });
  }

  /** Breaks the connection; each side learns of it after its own delay. */
  cut(how: { hubAfterMs: number; peerAfterMs: number; losesAll: boolean }): void {
    this.#isCut = true;
    for (const pipe of [this.#up, this.#down]) {
      if (how.losesAll) pipe?.cut();
      else pipe?.close();
    }
    const { now } = this.#timeline;
    this.#hub?.process.input(now + how.hubAfterMs, () => this.#loseHub());
    this.#peer.process.input(now + how.peerAfterMs, () => this.#endPeer(unavailable()));
  }

  /** Called when the path works again; whatever was held up continues. */
  unblocked(): void {
    this.#up?.wake();
    this.#down?.wake();
  }

  #open(hub: HubEnd | undefined): void {
    if (this.#peerGone || this.#isCut) return;
    const { path, process } = this.#peer;
    if (hub === undefined) {
      const at = this.#timeline.now + path.delay();
      return process.input(at, () => this.#endPeer(unavailable()));
    }
    this.#hub = hub;
    hub.dialled?.(this);
    const up = new Pipe<Up>(path, "up", hub.process, (item) => this.#arriveUp(item));
    up.onRead = () => {
      if (up.unreadBytes > 0 || !this.#peer.isFull) return;
      process.input(this.#timeline.now, () => this.#peer.onDrain?.());
    };
    const down = new Pipe<Down>(path, "down", process, (item) => this.#arriveDown(item));
    down.onRead = () => {
      if (down.unreadBytes > 0 || !this.#call?.isFull) return;
      hub.process.input(this.#timeline.now, () => this.#call?.drained());
    };
    this.#up = up;
    this.#down = down;
    up.send({ kind: "open" });
    for (const item of this.#early) this.#sendUp(item);
  }

  #sendUp(item: Up): void {
    if (this.#peerGone) return;
    if (this.#up === undefined) this.#early.push(item);
    else if (item.kind === "reset") this.#up.reset(item);
    else this.#up.send(item, item.kind === "data" ? item.encoded.length : 0);
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
    if (this.#peerGone) return;
    if (item.kind === "data") {
      this.#peer.onMessage(item.encoded);
      if (item.onTaken !== undefined) this.#hub?.process.input(this.#timeline.now, item.onTaken);
      return;
    }
    if (item.kind === "goAway") return this.#peer.onGoingAway?.();
    if (item.kind === "status") this.#sendUp({ kind: "closed" });
    this.#endPeer(item.status);
  }

  #loseHub(): void {
    if (this.#hubGone) return;
    this.#hubGone = true;
    this.#call?.lost();
  }

  #endPeer(status: StatusObject | undefined): void {
    if (this.#peerGone) return;
    this.#peerGone = true;
    this.#peer.onEnd(status);
  }
}

/** Reads a status generated by a hub, or by a library on its behalf. */
export function readStatus({ code, details, metadata }: StatusObject): GibbsError {
  return fromStatus(code, details, metadata.get(DETAILS_KEY)[0]);
}

/** A status that did not come from a hub. */
export function bareStatus(code: number, details: string): StatusObject {
  return { code, details, metadata: new Metadata() };
}

function unavailable(): StatusObject {
  return bareStatus(grpcStatus.UNAVAILABLE, "the connection broke");
}
