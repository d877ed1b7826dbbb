import type { ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
import type { Clock, Timer } from "../base/clock.js";
import type { GibbsError } from "../base/errors/error.js";
import { Flusher } from "../base/flusher.js";
import { checkTransition, type Transitions } from "../base/transition.js";
import { fromStatusFields } from "../wire/grpc/status.js";
import { decodeHubItems, encodeClientItems, type HubItem } from "../wire/messages/multiplex.js";
import { closedByHub, explainError, unreadable } from "./failure.js";
import { OpenCalls } from "./open-calls.js";
import { clientFixed } from "./options.js";
import type { PendingCall } from "./pending-call.js";

/** Receives a stream's events. */
export interface MultiplexStreamListener {
  /**
   * Called when only the timers of the calls need to keep the process alive: the stream has been
   * opened, or a caller has given up.
   */
  onDetachable(): void;
  /** Called when the hub takes no more calls; it should not be dialed for at least `restMs`. */
  onHubLeaving(restMs: number): void;
  /**
   * Receives a call that must move to another stream, because the hub accepts fewer calls than this
   * stream was given.
   */
  onOverflow(pending: PendingCall): void;
  /** Called exactly once, after everything else, when all calls have an outcome. */
  onEnd(): void;
}

/** Limits that a stream observes regardless of what its hub announces. */
export interface MultiplexStreamLimits {
  /** The largest payload, in bytes. */
  maxPayloadBytes: number;
  /** The id of the first call. */
  firstId: number;
}

/** The hub's limits. */
interface Settings {
  /** The largest payload, in bytes: the lower of the two sides' limits. */
  maxPayloadBytes: number;
  maxOpenCalls: number;
}

/** The state of a stream, with its data. */
type StreamState =
  | { kind: "opening"; idle: Timer }
  | { kind: "open"; idle: Timer; settings: Settings }
  | { kind: "draining"; settings: Settings }
  | { kind: "closing" }
  | { kind: "ended" };

const transitions: Transitions<StreamState["kind"]> = {
  opening: ["open", "closing", "ended"],
  open: ["draining", "closing", "ended"],
  draining: ["closing", "ended"],
  closing: ["ended"],
  ended: [],
};

/** The number of calls to assume until the hub announces its limit. */
const ASSUMED_OPEN_CALLS = 1024;

/**
 * The client's side of one `Multiplex` stream.
 *
 * | from | event | to |
 * |---|---|---|
 * | opening | settings | open: waiting calls are written |
 * | opening | its connection is going away | closing: its calls move to another stream |
 * | opening, open | no calls for some time | closing |
 * | open | drain, or its connection is going away | draining: accepts no further calls |
 * | draining | no call is left open | closing |
 * | any but ended | end of the stream; a message that breaks the protocol | ended: open calls fail, unsent ones as not started |
 *
 * Entering closing half-closes the stream. Settings after the first are ignored.
 */
export class MultiplexStream {
  readonly #grpc: ClientDuplexStream<Buffer, Buffer>;
  readonly #clock: Clock;
  /** The largest payload that this side accepts, in bytes. */
  readonly #limitBytes: number;
  readonly #listener: MultiplexStreamListener;
  readonly #calls: OpenCalls;
  readonly #flusher: Flusher;
  #state: StreamState;

  constructor(
    grpc: ClientDuplexStream<Buffer, Buffer>,
    clock: Clock,
    { maxPayloadBytes, firstId }: MultiplexStreamLimits,
    listener: MultiplexStreamListener,
  ) {
    this.#grpc = grpc;
    this.#limitBytes = maxPayloadBytes;
    this.#clock = clock;
    this.#listener = listener;
    this.#calls = new OpenCalls(firstId, () => {
      this.#closeIfDrained();
      this.#flushLater();
      this.#listener.onDetachable();
    });
    this.#flusher = new Flusher(clock, () => this.#flush());
    this.#state = { kind: "opening", idle: this.#watchIdle(undefined) };
    grpc.on("data", (encoded: Buffer) => this.#receive(encoded));
    grpc.on("error", (error: ServiceError) => this.#end(explainError(error, {})));
    grpc.on("status", ({ code }) => {
      if (code === 0) this.#end(closedByHub());
    });
    grpc.on("end", () => grpc.end());
    grpc.on("drain", () => this.#flushLater());
  }

  /** Whether the hub has sent its settings, and takes calls. */
  get isOpen(): boolean {
    return this.#state.kind === "open";
  }

  /** Whether the stream accepts another call. */
  get hasRoom(): boolean {
    const state = this.#state;
    if (state.kind === "open") return this.#calls.size < state.settings.maxOpenCalls;
    return state.kind === "opening" && this.#calls.size < ASSUMED_OPEN_CALLS;
  }

  /** Sends a call; calls added in the same turn share a write. */
  add(pending: PendingCall): void {
    this.#calls.add(pending);
    this.#flushLater();
  }

  /**
   * Finishes the calls that were sent, because the connection is going away. Removes and returns the
   * others.
   */
  leave(): PendingCall[] {
    const state = this.#state;
    if (state.kind !== "opening" && state.kind !== "open") return [];
    const unsent = this.#calls.takeUnsent();
    if (state.kind === "opening") this.#close();
    else this.#startDraining(state.settings);
    return unsent;
  }

  /** Cancels the stream and every call on it. */
  close(): void {
    this.#calls.giveUp();
    this.#grpc.cancel();
  }

  #flushLater(): void {
    if (this.#writableTo() !== undefined && this.#calls.isWaiting) this.#flusher.soon();
  }

  /** The hub's limits; undefined while nothing may be written. */
  #writableTo(): Settings | undefined {
    const state = this.#state;
    if (state.kind !== "open" && state.kind !== "draining") return undefined;
    return this.#grpc.writableNeedDrain ? undefined : state.settings;
  }

  #flush(): void {
    const settings = this.#writableTo();
    if (settings === undefined) return;
    const items = this.#calls.takeItems(settings.maxPayloadBytes, this.#clock.now());
    for (const message of encodeClientItems(items)) this.#grpc.write(message);
    this.#closeIfDrained();
  }

  #receive(encoded: Buffer): void {
    let items: HubItem[];
    try {
      items = decodeHubItems(encoded);
    } catch (error) {
      return this.#abandon(unreadable(error));
    }
    for (const item of items) this.#apply(item);
  }

  #apply({ id, item }: HubItem): void {
    switch (item.case) {
      case "settings":
        return this.#open(item.value);
      case "drain":
        return this.#drain();
      case "response": {
        const { payload, requestId, workerId, attempts, queueTimeMs, runTimeMs } = item.value;
        const info = { requestId, workerId, attempts, queueTimeMs, runTimeMs };
        this.#calls.take(id)?.respond(payload, info, this.#limitBytes);
        return this.#closeIfDrained();
      }
      case "status":
        this.#calls.take(id)?.fail(fromStatusFields(item.value));
        return this.#closeIfDrained();
      case undefined:
        return;
    }
  }

  #open({ maxPayloadBytes, maxOpenCalls }: Settings): void {
    if (this.#state.kind !== "opening") return;
    const settings = {
      maxPayloadBytes: Math.min(maxPayloadBytes, this.#limitBytes),
      maxOpenCalls,
    };
    this.#transition({ kind: "open", idle: this.#state.idle, settings });
    this.#listener.onDetachable();
    for (const pending of this.#calls.takeBeyond(maxOpenCalls)) this.#listener.onOverflow(pending);
    this.#flushLater();
  }

  #drain(): void {
    if (this.#state.kind === "opening") return this.#abandon(closedByHub());
    if (this.#state.kind !== "open") return;
    this.#listener.onHubLeaving(0);
    this.#startDraining(this.#state.settings);
  }

  #startDraining(settings: Settings): void {
    this.#transition({ kind: "draining", settings });
    this.#closeIfDrained();
  }

  #closeIfDrained(): void {
    if (this.#state.kind === "draining" && this.#calls.size === 0) this.#close();
  }

  #close(): void {
    this.#transition({ kind: "closing" });
    this.#grpc.end();
  }

  /** Cancels the stream, because the hub broke the protocol. */
  #abandon(error: GibbsError): void {
    this.#end(error);
    this.#grpc.cancel();
  }

  #end(error: GibbsError): void {
    if (this.#state.kind === "ended") return;
    this.#transition({ kind: "ended" });
    if (error.reason === "DRAINING") this.#listener.onHubLeaving(error.retryAfterMs ?? 0);
    this.#calls.fail(error);
    this.#listener.onEnd();
  }

  #transition(next: StreamState): void {
    const state = this.#state;
    checkTransition("a Multiplex stream", transitions, state.kind, next.kind);
    if ("idle" in state && !("idle" in next)) state.idle.cancel();
    this.#state = next;
  }

  /**
   * Closes the stream when it is idle, because it costs the hub memory. `lastId` is the id of the
   * latest call at the previous check.
   */
  #watchIdle(lastId: number | undefined): Timer {
    const onTimer = (): void => {
      if (!("idle" in this.#state)) return;
      const isIdle = this.#calls.size === 0 && this.#calls.lastId === lastId;
      if (isIdle) this.#close();
      else this.#state.idle = this.#watchIdle(this.#calls.lastId);
    };
    return this.#clock.setTimer(clientFixed.idleStreamMs, onTimer, "background");
  }
}
