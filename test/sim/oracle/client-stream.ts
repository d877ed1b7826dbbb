import type { Call } from "./call.js";

/** A client's Multiplex stream in the oracle's books of a hub, kept from what went over the wire. */
export class ClientStream {
  phase: "open" | "ended" = "open";
  /** The calls without an outcome, by id. */
  readonly open = new Map<number, Call>();
  /** Calls that never reach the hub's core, whose status is about to be written: an id may come twice. */
  readonly refused: { id: number; call: Call }[] = [];
  hasSettings = false;
  toldDrain = false;
  isHalfClosed = false;
  /** Whether the socket takes no more for now. */
  isFull = false;
  /** Why the hub must have ended the stream: a reason, or OK. */
  expectedEnd: string | undefined;
  /** Whether the hub has ended it, or its connection broke. */
  isClosed = false;

  /** `isPaused` asks whether the hub reads nothing from it for now. */
  constructor(
    readonly number: number,
    readonly isPaused: () => boolean,
  ) {}

  /** Takes out the call that a terminal item of `id` ends. */
  take(id: number): Call | undefined {
    const index = this.refused.findIndex((one) => one.id === id);
    if (index >= 0) return this.refused.splice(index, 1)[0]?.call;
    const call = this.open.get(id);
    this.open.delete(id);
    return call;
  }

  /** Takes out all calls. */
  takeAll(): Call[] {
    const calls = [...this.refused.splice(0).map(({ call }) => call), ...this.open.values()];
    this.open.clear();
    return calls;
  }

  toString(): string {
    return `x${this.number} (${this.phase}, ${this.open.size} open calls)`;
  }
}
