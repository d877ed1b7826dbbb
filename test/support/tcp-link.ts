import type { Socket } from "node:net";
import type { Clock, Timer } from "../../src/base/clock.js";
import type { Random } from "../../src/base/random.js";
import { FrameReader } from "./http2-frames.js";

/** What happens to the bytes of one direction of a connection. */
export interface Conditions {
  /** How long bytes are in transit, in milliseconds. */
  latencyMs: number;
  /** The maximum random delay on top of that, in milliseconds; bytes never overtake each other. */
  jitterMs: number;
  /** The largest chunk in which bytes arrive; 0 means as they were sent. */
  sliceBytes: number;
  /** How fast bytes arrive; 0 means no limit. */
  bytesPerSecond: number;
  /**
   * How many more bytes arrive on each connection. After those nothing does, neither bytes nor an
   * end, until this is set again; then everything does, because TCP resends it. `Infinity` means no
   * limit.
   */
  allowedBytes: number;
}

/** The conditions of a direction that works as TCP does. */
export const clear: Conditions = {
  latencyMs: 0,
  jitterMs: 0,
  sliceBytes: 0,
  bytesPerSecond: 0,
  allowedBytes: Number.POSITIVE_INFINITY,
};

/** The conditions of a direction in which nothing arrives. */
export const blackHole: Partial<Conditions> = { allowedBytes: 0 };

/** What is in transit: bytes, the sender's end, or the reset of its connection. */
type Freight = { bytes: Buffer } | "end" | "reset";

/** With more than this in transit, the sender's socket is not read. */
const MAX_HELD_BYTES = 64 * 1024;

/** How often bytes arrive when the rate is limited, in chunks per second. */
const PIECES_PER_SECOND = 20;

/**
 * One direction of a proxied connection: what `from` sends arrives at `to`, subject to the
 * conditions.
 */
export class Link {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #clock: Clock;
  readonly #random: Random;
  #conditions: Conditions;
  #inTransit: { freight: Freight; dueAt: number }[] = [];
  #heldBytes = 0;
  #lastDueAt = 0;
  #busyUntil = 0;
  #timer: Timer | undefined;
  /** Why the next piece must not be sent in this turn. */
  #hold: "none" | "turn" | "full" | "abandoned" = "none";
  #allowedBytes: number;
  #onStuck: (() => void)[] = [];
  readonly #reader = new FrameReader();
  /** HTTP/2 frames to insert between those that pass. */
  #inserted: Buffer[] = [];

  constructor(from: Socket, to: Socket, conditions: Conditions, clock: Clock, random: Random) {
    this.#from = from;
    this.#to = to;
    this.#conditions = conditions;
    this.#allowedBytes = conditions.allowedBytes;
    this.#clock = clock;
    this.#random = random;
    from.on("data", (bytes: Buffer) => this.#accept({ bytes }));
    from.on("end", () => this.#accept("end"));
    from.on("error", () => this.#accept("reset"));
  }

  /** Bytes that were sent and have not arrived. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Changes the conditions from now on. What is in transit keeps its time of arrival. */
  set(conditions: Partial<Conditions>): void {
    this.#conditions = { ...this.#conditions, ...conditions };
    this.#allowedBytes = conditions.allowedBytes ?? this.#allowedBytes;
    this.#pump();
  }

  /** Resolves once bytes are being held back. */
  stuck(): Promise<void> {
    return new Promise((resolve) => {
      this.#onStuck.push(resolve);
      this.#checkStuck();
    });
  }

  /**
   * Inserts an HTTP/2 frame as soon as the peer's settings have passed and no frame is half-way.
   * Only for the direction that begins with settings: the hub's.
   */
  insert(frame: Buffer): void {
    this.#inserted.push(frame);
    this.#insertNow();
  }

  /** Swallows everything in transit and everything sent from now on: bytes and ends. */
  abandon(): void {
    this.#hold = "abandoned";
    this.#timer?.cancel();
    this.#inTransit = [];
    this.#heldBytes = 0;
    this.#from.resume();
  }

  #accept(freight: Freight): void {
    if (this.#hold === "abandoned") return;
    const { latencyMs, jitterMs } = this.#conditions;
    const arrivesAt = this.#clock.now() + latencyMs + this.#random() * jitterMs;
    this.#lastDueAt = Math.max(this.#lastDueAt, arrivesAt);
    this.#inTransit.push({ freight, dueAt: this.#lastDueAt });
    if (typeof freight === "object") this.#heldBytes += freight.bytes.length;
    if (this.#heldBytes > MAX_HELD_BYTES) this.#from.pause();
    this.#pump();
  }

  #pump(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#checkStuck();
    while (this.#hold === "none" && this.#allowedBytes > 0) {
      const next = this.#inTransit[0];
      if (next === undefined) return;
      const waitMs = Math.max(next.dueAt, this.#busyUntil) - this.#clock.now();
      if (waitMs > 0) {
        this.#timer = this.#clock.setTimer(waitMs, () => this.#pump());
        return;
      }
      this.#deliver(next);
      this.#checkStuck();
    }
  }

  #checkStuck(): void {
    if (this.#allowedBytes > 0 || this.#heldBytes === 0) return;
    for (const resolve of this.#onStuck.splice(0)) resolve();
  }

  #deliver(next: { freight: Freight }): void {
    const { freight } = next;
    if (typeof freight === "string") {
      this.#inTransit.shift();
      if (freight === "end") this.#to.end();
      else resetSocket(this.#to);
      return;
    }
    const piece = freight.bytes.subarray(0, this.#pieceBytes());
    const rest = freight.bytes.subarray(piece.length);
    if (rest.length === 0) this.#inTransit.shift();
    else next.freight = { bytes: rest };
    this.#send(piece);
  }

  #send(piece: Buffer): void {
    const { sliceBytes, bytesPerSecond } = this.#conditions;
    this.#heldBytes -= piece.length;
    this.#allowedBytes -= piece.length;
    if (this.#heldBytes <= MAX_HELD_BYTES) this.#from.resume();
    if (bytesPerSecond > 0) {
      this.#busyUntil = this.#clock.now() + (piece.length / bytesPerSecond) * 1000;
    }
    // The other direction has already told the sender.
    if (this.#to.destroyed) return;
    if (!this.#pass(piece)) {
      this.#hold = "full";
      this.#to.once("drain", () => this.#release("full"));
    } else if (sliceBytes > 0) {
      // The next piece waits for another turn, so that the receiver reads this one separately.
      this.#hold = "turn";
      this.#clock.afterInput(() => this.#release("turn"));
    }
  }

  /** Writes a piece, with inserted frames at its frame boundaries; returns false if `to` is full. */
  #pass(piece: Buffer): boolean {
    let [from, to] = [0, 0];
    while (to < piece.length) {
      to += this.#reader.read(piece.subarray(to));
      if (this.#inserted.length === 0 && to < piece.length) continue;
      this.#to.write(piece.subarray(from, to));
      from = to;
      this.#insertNow();
    }
    return !this.#to.writableNeedDrain;
  }

  #insertNow(): void {
    const { frames, isBetweenFrames } = this.#reader;
    if (frames === 0 || !isBetweenFrames || this.#hold === "abandoned") return;
    for (const frame of this.#inserted.splice(0)) this.#to.write(frame);
  }

  #release(hold: "turn" | "full"): void {
    if (this.#hold === hold) this.#hold = "none";
    this.#pump();
  }

  #pieceBytes(): number {
    const { sliceBytes, bytesPerSecond } = this.#conditions;
    const slice = Math.min(this.#allowedBytes, sliceBytes > 0 ? sliceBytes : this.#allowedBytes);
    if (bytesPerSecond === 0) return slice;
    return Math.min(slice, Math.max(1, Math.floor(bytesPerSecond / PIECES_PER_SECOND)));
  }
}

/**
 * Closes a socket with a reset. One that has already ended is only closed: libuv does
 * not reset it, and Node would then never close it.
 */
export function resetSocket(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
