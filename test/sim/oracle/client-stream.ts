import type { Call } from "./call.js";

/** The oracle's record of a client's Multiplex stream at a hub, built from the traffic. */
export class ClientStream {
  phase: "open" | "ended" = "open";
  /** Calls without an outcome, by id. */
  readonly open = new Map<number, Call>();
  /**
   * Calls that never reach the hub's core and whose status is about to be written; an id may occur
   * twice.
   */
  readonly refused: { id: number; call: Call }[] = [];
  hasSettings = false;
  toldDrain = false;
  isHalfClosed = false;
  /** Whether the socket currently accepts no more data. */
  isFull = false;
  /** Why the hub must have ended the stream: a reason, or OK. */
  expectedEnd: string | undefined;
  /** Whether the hub has ended it or its connection broke. */
  isClosed = false;

  /** `isPaused` returns whether the hub has paused reading from it. */
  constructor(
    readonly number: number,
    readonly isPaused: () => boolean,
  ) {}

  /** Removes the call that a terminal item for `id` ends. */
  take(id: number): Call | undefined {
    const index = this.refused.findIndex((one) => one.id === id);
    if (index >= 0) return this.refused.splice(index, 1)[0]?.call;
    const call = this.open.get(id);
    this.open.delete(id);
    return call;
  }

  /** Removes all calls. */
  takeAll(): Call[] {
    const calls = [...this.refused.splice(0).map(({ call }) => call), ...this.open.values()];
    this.open.clear();
    return calls;
  }

  toString(): string {
    return `x${this.number} (${this.phase}, ${this.open.size} open calls)`;
  }
}
