import { status as grpcStatus, type StatusObject } from "@grpc/grpc-js";
import type { KeptBytes } from "../../../src/base/bytes.js";
import { fromStatusFields } from "../../../src/wire/grpc/status.js";
import {
  type ClientItem,
  decodeClientItems,
  decodeHubItems,
  type HubItem,
  type Call as WireCall,
} from "../../../src/wire/messages/multiplex.js";
import { decodePayload } from "../../../src/wire/payload/payload.js";
import { bytesOf } from "../../support/bytes.js";
import type { Input } from "../actors/wish.js";
import type { ClientCall } from "../machine/client-call.js";
import type { SimProcess } from "../machine/process.js";
import type { World } from "../world.js";
import type { Asked, AskedTold, OwnStream, Send } from "./asked.js";
import { type ClientLimits, judgeAsked } from "./client-verdict.js";

/**
 * How long after the deadline a client must have given up, in milliseconds. Its timer may be late
 * by less than a millisecond.
 */
const GIVEN_UP_MS = 1001;

/**
 * Watches one client from outside: what its callers ask and are told, and what it writes and reads.
 */
export class ClientOracle {
  /** Whether the client has been closed. */
  isClosed = false;
  readonly #process: SimProcess;
  readonly #world: World;
  readonly #limits: ClientLimits;
  readonly #asked = new Map<number, Asked>();
  readonly #streams = new Set<OwnStream>();
  #numbers = 0;
  #resetAt = -1;
  /** When a stream last became able to accept more. */
  #freeAt = -1;
  /** When the process's last stall began and ended. */
  #stall = { from: -1, to: -1 };

  constructor(process: SimProcess, world: World, limits: ClientLimits) {
    this.#process = process;
    this.#world = world;
    this.#limits = limits;
    process.onThaw = (stalledMs) => {
      const to = process.now();
      this.#stall = { from: to - stalledMs, to };
    };
  }

  /** Called when a request is about to be sent. */
  asked(asked: Asked): void {
    this.#asked.set(asked.number, asked);
    this.#world.log(() => `${asked} is asked`);
    this.#process.inspect(asked.until + GIVEN_UP_MS, () => {
      if (asked.isOpen) this.#fail("on time", `${asked} has no outcome`);
    });
  }

  /** Called when the caller of a request learns its outcome. */
  told(asked: Asked, told: AskedTold): void {
    if (this.#process.isDead) return;
    const what = told.kind === "answer" ? "OK" : told.error.reason;
    this.#world.log(() => `${asked} is told ${what}`);
    this.#world.count("client outcome", what);
    if (asked.told !== undefined) this.#fail("exactly one outcome", `${asked} is told again`);
    asked.told = told;
    const problem = judgeAsked(asked, told, {
      ...this.#limits,
      hubPayloadBytes: this.#world.limits.maxPayloadBytes,
      now: this.#process.now(),
      isClosed: this.isClosed,
      isHeldUp: () => this.#isThisInstant(asked.askedAt) || this.#isHeldUp(),
      wasReset: this.#isThisInstant(this.#resetAt),
      unsentBytes: () => this.#unsentBytes(),
    });
    if (problem !== undefined) this.#fail(...problem);
    this.#asked.delete(asked.number);
    this.#process.inspect(this.#process.now(), () => this.#judgeLeft(asked));
  }

  /** Called when the client was killed: none of its callers is told anything. */
  killed(): void {
    for (const asked of this.#asked.values()) asked.isDropped = true;
    this.#asked.clear();
  }

  /** Watches a stream that the client opens. */
  opened(call: ClientCall): void {
    const stream: OwnStream = {
      number: ++this.#numbers,
      settings: undefined,
      open: new Map(),
      fullSince: undefined,
      isOver: false,
    };
    this.#streams.add(stream);
    if (this.#streams.size > 1) this.#world.count("multiplex", "a second stream");
    call.on("drain", () => {
      stream.fullSince = undefined;
      this.#freeAt = this.#process.now();
    });
    call.observer = {
      wrote: (encoded) => {
        const now = this.#process.now();
        if ((stream.fullSince ?? now) < now) this.#fail("a full socket is waited for", "");
        for (const item of decodeClientItems(encoded)) {
          if (call.isGoingAway && item.item.case === "call") {
            this.#fail("nothing new on a connection that is going away", `${item.id}`);
          }
          this.#wrote(stream, item);
        }
        if (!call.isFull) return;
        stream.fullSince ??= now;
        this.#world.count("multiplex", "a client waits for its hub");
      },
      heard: (encoded) => {
        for (const item of decodeHubItems(encoded)) this.#heard(stream, item);
        if (call.isGoingAway) this.#judgeLeaving(stream, call);
      },
      left: () => this.#judgeLeaving(stream, call),
      over: (status) => this.#over(stream, status),
    };
  }

  /** Whether nothing is left of any request. */
  get isAtRest(): boolean {
    return this.#streams.size === 0 && this.#asked.size === 0;
  }

  #wrote(stream: OwnStream, { id, item }: ClientItem): void {
    if (item.case === "cancel") {
      const send = stream.open.get(id);
      if (send === undefined) return this.#fail("a cancel of an open call", `${id}`);
      if (send.asked.isOpen) this.#fail("a call still wanted is not cancelled", `${send.asked}`);
      send.isCancelled = true;
      return;
    }
    if (item.case !== "call") return;
    const { call: number } = decodePayload(bytesOf(item.value.payload)) as unknown as Input;
    const asked = this.#asked.get(number);
    if (asked === undefined)
      return this.#fail("nothing is sent for a caller that has gone", `m${number}`);
    const problem =
      wrongStream(stream, id) ?? wrongSend(asked) ?? wrongCall(asked, item.value, this.#process);
    if (problem !== undefined) this.#fail(problem, `${asked} as ${id}`);
    if (item.value.payload.length > (stream.settings?.maxPayloadBytes ?? 0)) {
      this.#fail("no oversize call", `${asked}`);
    }
    if (id === 1 && stream.open.has(2 ** 32 - 1)) this.#world.count("multiplex", "ids wrap");
    if (asked.last?.brokenBy !== undefined) {
      this.#world.count("multiplex", "sent again after a loss");
    } else if (asked.last !== undefined) {
      this.#world.count("multiplex", "sent again after a drain");
    }
    const send: Send = { asked, stream, heard: undefined, brokenBy: undefined, isCancelled: false };
    asked.sends.push(send);
    stream.open.set(id, send);
  }

  #heard(stream: OwnStream, { id, item }: HubItem): void {
    if (item.case === "settings") {
      stream.settings = item.value;
      this.#freeAt = this.#process.now();
    }
    if (item.case !== "response" && item.case !== "status") return;
    const send = stream.open.get(id);
    if (send === undefined) return this.#fail("an answer to an open call", `${id}`);
    stream.open.delete(id);
    send.heard = item;
    if (send.isCancelled) this.#world.count("multiplex", "a cancel is answered");
    this.#process.inspect(this.#process.now(), () => this.#judgeHeard(send));
  }

  #over(stream: OwnStream, status: StatusObject | undefined): void {
    stream.isOver = true;
    if (status?.code === grpcStatus.RESOURCE_EXHAUSTED) this.#resetAt = this.#process.now();
    this.#streams.delete(stream);
    for (const send of stream.open.values()) {
      send.brokenBy = status ?? "OK";
      this.#process.inspect(this.#process.now(), () => this.#judgeBroken(send));
    }
  }

  /** A stream that is going away is half-closed as soon as no call is open on it. */
  #judgeLeaving(stream: OwnStream, call: ClientCall): void {
    if (stream.open.size > 0) this.#world.count("multiplex", "goes away with calls open");
    this.#process.inspect(this.#process.now(), () => {
      if (stream.open.size > 0 || stream.isOver || call.isHalfClosed || this.isClosed) return;
      this.#fail("a stream that is going away is let go", `stream ${stream.number}`);
    });
  }

  /** Every outcome received must have reached its caller, unless the request is sent again. */
  #judgeHeard({ asked, heard }: Send): void {
    if (!asked.isOpen) return;
    if (heard?.case === "status") {
      const { reason, execution } = fromStatusFields(heard.value);
      if (reason === "DRAINING" && execution === "NOT_STARTED") return;
    }
    this.#fail("what was heard is told", `${asked}`);
  }

  /** Every request lost with its stream must have failed, unless it is sent again. */
  #judgeBroken({ asked }: Send): void {
    if (!asked.isOpen) return;
    const { idempotent, maxAttempts = 3 } = asked.options;
    if (idempotent === true && asked.lost < maxAttempts) return;
    this.#fail("what was lost is told", `${asked}`);
  }

  /** A hub that is still working for a caller that has gone must be told. */
  #judgeLeft({ last }: Asked): void {
    if (last === undefined || last.heard || last.brokenBy || last.isCancelled) return;
    if (last.stream.isOver || last.stream.fullSince !== undefined || this.isClosed) return;
    this.#fail("a cancel reaches the hub", `${last.asked}`);
  }

  #isHeldUp(): boolean {
    if (this.#isThisInstant(this.#freeAt)) return true;
    return [...this.#streams].some(
      ({ settings, fullSince }) => settings === undefined || fullSince !== undefined,
    );
  }

  /** Whether no time has passed for the process since `at`: it may have been frozen in between. */
  #isThisInstant(at: number): boolean {
    const { from, to } = this.#stall;
    const now = this.#process.now();
    return at === now || (at === from && to === now);
  }

  /** Bytes waiting to be written, as far as can be seen from outside. */
  #unsentBytes(): number {
    let bytes = 0;
    for (const { last, payload } of this.#asked.values()) {
      if (last === undefined || last.heard || last.brokenBy) bytes += payload.length;
    }
    return bytes;
  }

  #fail(check: string, what: string): void {
    this.#world.fail(check, `a client: ${what}`);
  }
}

function wrongStream(stream: OwnStream, id: number): string | undefined {
  if (id < 1 || stream.open.has(id)) return "an id of its own";
  if (stream.settings === undefined) return "settings come first";
  if (stream.open.size >= stream.settings.maxOpenCalls) return "no more open calls than allowed";
  return undefined;
}

/** Returns the check that fails if this send must not happen. */
function wrongSend({ last, lost, options, isOpen }: Asked): string | undefined {
  if (!isOpen) return "nothing is sent for a caller that has gone";
  if (last === undefined) return undefined;
  if (last.heard === undefined && last.brokenBy === undefined) return "sent once at a time";
  if (lost === 0) return undefined;
  if (options.idempotent !== true) return "at most once, unless idempotent";
  return lost < (options.maxAttempts ?? 3) ? undefined : "at most as often as allowed";
}

/** Returns the check that fails if what was written is not what was asked for. */
function wrongCall(
  asked: Asked,
  call: WireCall<KeptBytes>,
  process: SimProcess,
): string | undefined {
  const { options, payload, until } = asked;
  const { queueTimeoutMs, runTimeoutMs } = call.options ?? {};
  const isSame =
    Buffer.compare(bytesOf(call.payload), payload) === 0 &&
    call.method === (options.method ?? "") &&
    call.options?.idempotent === options.idempotent &&
    call.options?.maxAttempts === options.maxAttempts &&
    queueTimeoutMs === options.queueTimeoutMs &&
    runTimeoutMs === options.runTimeoutMs &&
    call.metadata.length === Object.keys(options.metadata ?? {}).length;
  if (!isSame) return "the call as it was asked";
  const leftMs = Math.ceil(Math.max(0, until - process.now()));
  return call.timeoutMs === leftMs ? undefined : "the time left";
}
