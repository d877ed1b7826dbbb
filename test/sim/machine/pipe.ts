import type { Chance } from "./chance.js";
import type { SimProcess } from "./process.js";

/** How messages travel between a peer's machine and the hub's. */
export class Path {
  /** Nothing arrives before these times, per direction. */
  readonly blockedUntil = { up: 0, down: 0 };
  readonly #chance: Chance;
  #minMs: number;
  #maxMs: number;

  constructor(chance: Chance, minMs: number, maxMs: number) {
    this.#chance = chance;
    this.#minMs = minMs;
    this.#maxMs = maxMs;
  }

  delay(): number {
    return this.#chance.span(this.#minMs, this.#maxMs);
  }

  slow(minMs: number, maxMs: number): void {
    this.#minMs = minMs;
    this.#maxMs = maxMs;
  }
}

/** One direction of a connection: delayed and ordered; queues while the path is blocked. */
export class Pipe<T> {
  /** Bytes sent and not yet read. */
  unreadBytes = 0;
  /** Called whenever the receiver has read something. */
  onRead: () => void = () => {};
  readonly #path: Path;
  readonly #direction: "up" | "down";
  readonly #receiver: SimProcess;
  readonly #deliver: (item: T) => void;
  #queue: { item: T; bytes: number; at: number; isReset: boolean }[] = [];
  #isClosed = false;
  #isHeld = false;
  #lastAt = 0;

  constructor(
    path: Path,
    direction: "up" | "down",
    receiver: SimProcess,
    deliver: (item: T) => void,
  ) {
    this.#path = path;
    this.#direction = direction;
    this.#receiver = receiver;
    this.#deliver = deliver;
  }

  send(item: T, bytes = 0): void {
    this.#push(item, bytes, false);
  }

  /** Sends the last item; what the receiver has not read by then is lost. */
  reset(item: T): void {
    this.#push(item, 0, true);
    this.#isClosed = true;
  }

  /** Sets whether the receiver stops reading; it still sees a reset. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    if (!isHeld) this.wake();
  }

  /** Delivers what has arrived as soon as the receiver is reading. */
  wake(): void {
    this.#receiver.input(this.#receiver.now(), () => this.#pump());
  }

  #pump(): void {
    for (;;) {
      const at = this.#queue[0]?.at;
      if (at === undefined || at > this.#receiver.now()) return;
      const openAt = this.#path.blockedUntil[this.#direction];
      if (openAt > this.#receiver.now()) return this.#receiver.input(openAt, () => this.#pump());
      if (this.#isHeld && !this.#skipToReset()) return;
      const first = this.#queue.shift();
      if (first === undefined) return;
      this.unreadBytes -= first.bytes;
      this.#deliver(first.item);
      this.onRead();
    }
  }

  /** Accepts no more items; those in transit still arrive. */
  close(): void {
    this.#isClosed = true;
  }

  /** Accepts no more items, and loses those in transit. */
  cut(): void {
    this.#isClosed = true;
    this.#queue = [];
  }

  #push(item: T, bytes: number, isReset: boolean): void {
    if (this.#isClosed) return;
    this.#lastAt = Math.max(this.#lastAt, this.#receiver.now() + this.#path.delay());
    this.#queue.push({ item, bytes, at: this.#lastAt, isReset });
    this.unreadBytes += bytes;
    this.#receiver.input(this.#lastAt, () => this.#pump());
  }

  /** Skips to the first reset. Returns false if none has arrived. */
  #skipToReset(): boolean {
    const index = this.#queue.findIndex(({ isReset }) => isReset);
    if (index < 0 || (this.#queue[index]?.at ?? 0) > this.#receiver.now()) return false;
    for (const { bytes } of this.#queue.splice(0, index)) this.unreadBytes -= bytes;
    return true;
  }
}
