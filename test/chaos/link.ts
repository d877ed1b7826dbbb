import type { Socket } from "node:net";
import type { Clock, Timer } from "../../src/base/clock.js";
import type { Random } from "../../src/base/random.js";

/** What one direction of a connection suffers. */
export interface Conditions {
  /** How long bytes are under way, in milliseconds. */
  latencyMs: number;
  /** Up to so much longer, in milliseconds, by chance; bytes never overtake each other. */
  jitterMs: number;
  /** Bytes arrive in pieces of at most so many; 0: as they were sent. */
  sliceBytes: number;
  /** How fast bytes arrive; 0: without limit. */
  bytesPerSecond: number;
  /** Nothing arrives, neither bytes nor an end, until this is lifted: then all does, as TCP sends it again. */
  blackHole: boolean;
}

/** A direction that suffers nothing. */
export const clear: Conditions = {
  latencyMs: 0,
  jitterMs: 0,
  sliceBytes: 0,
  bytesPerSecond: 0,
  blackHole: false,
};

/** What is under way: bytes, the sender's end, or the reset of its connection. */
type Freight = { bytes: Buffer } | "end" | "reset";

/** More than this under way, and the sender's socket is not read. */
const MAX_HELD_BYTES = 64 * 1024;

/** With a limit in speed bytes arrive this often, in pieces per second. */
const PIECES_PER_SECOND = 20;

/** One direction of a proxied connection: what `from` sends arrives at `to`, as the conditions let it. */
export class Link {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #clock: Clock;
  readonly #random: Random;
  #conditions: Conditions;
  #underWay: { freight: Freight; dueAt: number }[] = [];
  #heldBytes = 0;
  #lastDueAt = 0;
  #busyUntil = 0;
  #timer: Timer | undefined;
  /** Why the next piece is not to be sent in this turn. */
  #hold: "none" | "turn" | "full" | "abandoned" = "none";

  constructor(from: Socket, to: Socket, conditions: Conditions, clock: Clock, random: Random) {
    this.#from = from;
    this.#to = to;
    this.#conditions = conditions;
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

  /** From now on. What is under way keeps its time of arrival. */
  set(conditions: Partial<Conditions>): void {
    this.#conditions = { ...this.#conditions, ...conditions };
    this.#pump();
  }

  /** From now on nothing ever arrives, neither bytes nor an end; what is sent is swallowed. */
  abandon(): void {
    this.#hold = "abandoned";
    this.#timer?.cancel();
    this.#underWay = [];
    this.#heldBytes = 0;
    this.#from.resume();
  }

  #accept(freight: Freight): void {
    if (this.#hold === "abandoned") return;
    const { latencyMs, jitterMs } = this.#conditions;
    const arrivesAt = this.#clock.now() + latencyMs + this.#random() * jitterMs;
    this.#lastDueAt = Math.max(this.#lastDueAt, arrivesAt);
    this.#underWay.push({ freight, dueAt: this.#lastDueAt });
    if (typeof freight === "object") this.#heldBytes += freight.bytes.length;
    if (this.#heldBytes > MAX_HELD_BYTES) this.#from.pause();
    this.#pump();
  }

  #pump(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    while (this.#hold === "none" && !this.#conditions.blackHole) {
      const next = this.#underWay[0];
      if (next === undefined) return;
      const waitMs = Math.max(next.dueAt, this.#busyUntil) - this.#clock.now();
      if (waitMs > 0) {
        this.#timer = this.#clock.setTimer(waitMs, () => this.#pump());
        return;
      }
      this.#deliver(next);
    }
  }

  #deliver(next: { freight: Freight }): void {
    const { freight } = next;
    if (typeof freight === "string") {
      this.#underWay.shift();
      if (freight === "end") this.#to.end();
      else resetSocket(this.#to);
      return;
    }
    const piece = freight.bytes.subarray(0, this.#pieceBytes());
    const rest = freight.bytes.subarray(piece.length);
    if (rest.length === 0) this.#underWay.shift();
    else next.freight = { bytes: rest };
    this.#send(piece);
  }

  #send(piece: Buffer): void {
    const { sliceBytes, bytesPerSecond } = this.#conditions;
    this.#heldBytes -= piece.length;
    if (this.#heldBytes <= MAX_HELD_BYTES) this.#from.resume();
    if (bytesPerSecond > 0) {
      this.#busyUntil = this.#clock.now() + (piece.length / bytesPerSecond) * 1000;
    }
    // The other direction has told the sender already.
    if (this.#to.destroyed) return;
    if (!this.#to.write(piece)) {
      this.#hold = "full";
      this.#to.once("drain", () => this.#release("full"));
    } else if (sliceBytes > 0) {
      // In a turn of its own, so that the receiver reads it as a piece.
      this.#hold = "turn";
      this.#clock.afterInput(() => this.#release("turn"));
    }
  }

  #release(hold: "turn" | "full"): void {
    if (this.#hold === hold) this.#hold = "none";
    this.#pump();
  }

  #pieceBytes(): number {
    const { sliceBytes, bytesPerSecond } = this.#conditions;
    const slice = sliceBytes > 0 ? sliceBytes : Number.POSITIVE_INFINITY;
    if (bytesPerSecond === 0) return slice;
    return Math.min(slice, Math.max(1, Math.floor(bytesPerSecond / PIECES_PER_SECOND)));
  }
}

/**
 * Closes a socket with a reset. One that has said its end already is only closed:
 * libuv does not reset it, and Node would then never close it.
 */
export function resetSocket(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
