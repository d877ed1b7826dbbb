import type { Bagged } from "../../../base/containers/bag.js";
import type { Timed } from "../../../base/containers/timer-heap.js";

/** A connection to callers; only its identity matters. */
export type Peer = object;

/** A response message given to the transport that its caller has not read yet. */
export class UnreadResponse implements Timed, Bagged {
  readonly timed = "response";
  heapIndex = -1;
  bagIndex = -1;
  /** Whether it still counts: neither read nor abandoned. */
  isUnread = true;

  /** Set by the shell, which calls it to carry out an `abandon`; the core only stores it. */
  onAbandoned: () => void = () => {};

  constructor(
    readonly peer: Peer,
    readonly bytes: number,
  ) {}
}

/** How many bytes callers have not read yet, per connection and in total. */
export class UnreadResponses {
  bytes = 0;
  readonly #bytesOf = new WeakMap<Peer, number>();

  add({ peer, bytes }: UnreadResponse): void {
    this.bytes += bytes;
    this.#bytesOf.set(peer, this.of(peer) + bytes);
  }

  /**
   * Stops counting `response`. A second call does nothing: one overdue response ends its stream,
   * which drops the stream's other overdue responses, too.
   */
  remove(response: UnreadResponse): void {
    if (!response.isUnread) return;
    response.isUnread = false;
    const { peer, bytes } = response;
    this.bytes -= bytes;
    this.#bytesOf.set(peer, this.of(peer) - bytes);
  }

  /** How many bytes `peer` has not read yet. */
  of(peer: Peer): number {
    return this.#bytesOf.get(peer) ?? 0;
  }
}
