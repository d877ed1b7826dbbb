import type { Bagged } from "../../../base/containers/bag.js";
import type { Timed } from "../../../base/containers/timer-heap.js";

/** A connection of callers; only which one it is counts. */
export type Peer = object;

/** A response message that was given to the transport and that its caller has not taken yet. */
export class UnreadResponse implements Timed, Bagged {
  readonly timed = "response";
  heapIndex = -1;
  bagIndex = -1;
  /** Whether it counts: it was neither taken nor given up. */
  isUnread = true;

  /** For whoever carries out its `abandon`: the core only keeps it. */
  onAbandoned: () => void = () => {};

  constructor(
    readonly peer: Peer,
    readonly bytes: number,
  ) {}
}

/** How much the callers have not taken yet, each and together. */
export class UnreadResponses {
  bytes = 0;
  readonly #bytesOf = new WeakMap<Peer, number>();

  add({ peer, bytes }: UnreadResponse): void {
    this.bytes += bytes;
    this.#bytesOf.set(peer, this.of(peer) + bytes);
  }

  /** Counts once: of the responses of a stream that are due at one time, the first ends the stream and with it all. */
  remove(response: UnreadResponse): void {
    if (!response.isUnread) return;
    response.isUnread = false;
    const { peer, bytes } = response;
    this.bytes -= bytes;
    this.#bytesOf.set(peer, this.of(peer) - bytes);
  }

  /** What one of them has not taken. */
  of(peer: Peer): number {
    return this.#bytesOf.get(peer) ?? 0;
  }
}
