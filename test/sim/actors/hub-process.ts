import type { StatusObject } from "@grpc/grpc-js";
import { silentLogger } from "../../../src/base/logger.js";
import type { HubCore } from "../../../src/hub/core/hub-core.js";
import { Engine } from "../../../src/hub/engine.js";
import { ClientStreams } from "../../../src/hub/services/client-streams.js";
import { type MultiplexContext, multiplexHandler } from "../../../src/hub/services/multiplex.js";
import { requestHandler } from "../../../src/hub/services/request.js";
import { workHandler } from "../../../src/hub/services/work.js";
import type { CallHandler } from "../../../src/hub/transport/server-call.js";
import { readResponse } from "../../../src/wire/messages/request.js";
import { decodePayload } from "../../../src/wire/payload/payload.js";
import { Chance } from "../machine/chance.js";
import { type Connection, type HubEnd, readStatus } from "../machine/connection.js";
import { SimProcess } from "../machine/process.js";
import { ServerCall } from "../machine/server-call.js";
import { lessMargin } from "../oracle/admission.js";
import type { Call, Told } from "../oracle/call.js";
import type { ClientStream } from "../oracle/client-stream.js";
import { watchCore } from "../oracle/core-watch.js";
import { HubOracle } from "../oracle/hub-oracle.js";
import type { Stream } from "../oracle/stream.js";
import type { World } from "../world.js";
import { type Client, UnaryCall } from "./client.js";
import { FORWARDED, type UnaryWish, type Wish } from "./wish.js";

/** How long clients have to leave a hub that is closing, in milliseconds. */
const CLOSE_GRACE_MS = 2000;

/** One lifetime of the hub: the real engine, streams and request handler in a simulated process. */
export class HubProcess implements HubEnd {
  readonly process: SimProcess;
  readonly oracle: HubOracle;
  readonly core: HubCore;
  readonly #world: World;
  readonly #engine: Engine;
  readonly #handle: CallHandler;
  readonly #multiplex: MultiplexContext;
  readonly #acceptClient: CallHandler;
  readonly #acceptWorker: CallHandler;
  readonly #streams = new Map<Connection, Stream>();
  readonly #clientConnections = new Set<Connection>();
  /** Ids for requests that were sent without one, in arrival order. */
  readonly #nextRequestIds: string[] = [];
  #state: "serving" | "draining" | "stopped" | "leaving" = "serving";
  #hasFlushed = false;

  constructor(world: World) {
    const { limits, timeline } = world;
    this.#world = world;
    this.process = new SimProcess(timeline);
    this.oracle = new HubOracle(limits, this.process, {
      fail: world.fail,
      count: world.count,
      log: world.log,
      calls: world.byRequestId,
      newCall: (wish, stream) => this.#newCall(wish, stream),
    });
    this.process.onThaw = (stalledMs) => this.oracle.stalled(stalledMs);
    const clock = {
      now: () => this.process.now(),
      setTimer: (delayMs: number, callback: () => void) => this.process.setTimer(delayMs, callback),
      soon: (callback: () => void) => this.process.soon(() => this.#flush(callback)),
      afterInput: (callback: () => void) => this.process.afterInput(() => this.#flush(callback)),
    };
    const chance = new Chance(world.calls.length);
    this.#engine = new Engine(limits, clock, () => chance.next());
    this.core = this.#engine.tell((core) => core);
    this.#watchFlushes();
    watchCore(this.core, world);
    const submissions = { limits, nextRequestId: () => this.#nextRequestIds.shift() ?? "none" };
    const forwardMetadata = [FORWARDED];
    this.#handle = requestHandler({ engine: this.#engine, clock, submissions, forwardMetadata });
    this.#multiplex = {
      engine: this.#engine,
      submissions,
      limits,
      forwardMetadata,
      streams: new ClientStreams(),
      isDraining: () => this.#state !== "serving",
    };
    this.#acceptClient = multiplexHandler(this.#multiplex);
    const worker = { engine: this.#engine, limits, hubId: "hub", logger: silentLogger };
    this.#acceptWorker = workHandler(worker);
  }

  get isServing(): boolean {
    return this.#state === "serving";
  }

  accept(connection: Connection): ServerCall {
    const call = new ServerCall(connection, this.#world.limits.highWaterBytes);
    const stream = this.oracle.opened();
    this.#streams.set(connection, stream);
    call.observer = this.oracle.observe(stream);
    call.serve(this.#acceptWorker);
    return call;
  }

  /** The end at which clients' Multiplex streams arrive. */
  get clientEnd(): HubEnd {
    return {
      process: this.process,
      dialled: (connection) => this.#clientConnections.add(connection),
      accept: (connection) => this.#open(connection),
    };
  }

  /** The oracle's record of a connection. */
  streamOf(connection: Connection): Stream | undefined {
    return this.#streams.get(connection);
  }

  /** Delivers a request at once; returns a function that its caller cancels it with. */
  request(call: Call, { timeoutMs, encoded, metadata, ...wish }: UnaryWish): () => void {
    const client = this.#world.clients[wish.client] as Client;
    const onWire = { timeoutMs, metadata };
    const observer = this.oracle.observeAnswer(call);
    const unary = new UnaryCall(client, this.process, onWire, observer, (how, isGone) => {
      const told = readAnswer(how);
      const what = told.kind === "answer" ? "OK" : told.error.reason;
      this.#world.log(() => `${call} is told ${what}`);
      const bytes = Buffer.isBuffer(how) && !isGone ? how.length : 0;
      this.oracle.told(call, told, bytes);
    });
    this.#name(call);
    this.oracle.arrived(call, timeoutMs && lessMargin(timeoutMs));
    unary.serve(this.#handle, encoded);
    // An unreadable request never took the id meant for it.
    this.#nextRequestIds.length = 0;
    return () => {
      this.oracle.cancelled(call);
      unary.gone();
    };
  }

  /** Shuts down like `Hub.drain`. */
  drain(): void {
    if (this.#state !== "serving") return;
    this.#state = "draining";
    if (this.oracle.multiplex.openCalls > 0) {
      this.#world.count("multiplex", "a hub drains with calls open");
    }
    this.oracle.draining();
    this.#engine.tell((core, now) => core.drain(now));
    this.#multiplex.streams.drain();
    this.process.setTimer(this.#world.limits.drainTimeoutMs, () => this.#stop());
  }

  /** Kills the process. */
  kill(): void {
    if (this.process.isDead) return;
    this.#world.log(() => "the hub dies");
    this.process.die();
    this.oracle.killed();
    for (const connection of this.#streams.keys()) connection.hubDied();
    for (const connection of this.#clientConnections) connection.hubDied();
    this.#world.onHubGone();
  }

  #stop(): void {
    if (this.#state !== "draining") return;
    this.#state = "stopped";
    this.oracle.stopped();
    this.#engine.tell((core, now) => core.stop(now));
  }

  #watchFlushes(): void {
    const flush = this.core.flush.bind(this.core);
    this.core.flush = (now) => {
      this.#hasFlushed = true;
      return flush(now);
    };
  }

  /** Runs code that may flush the engine, and has the oracle look at the result if it did. */
  #flush(run: () => void): void {
    this.#hasFlushed = false;
    run();
    if (!this.#hasFlushed) return;
    this.oracle.flushed();
    if (this.#state === "serving" || this.#state === "leaving" || !this.core.idle) return;
    this.checkIdle();
    this.#letClientsLeave();
  }

  /** Same as in `src/hub/hub`. */
  #letClientsLeave(): void {
    this.#state = "leaving";
    const { streams } = this.#multiplex;
    const exit = (): void => {
      if (this.process.isDead) return;
      this.oracle.multiplex.isClosing = true;
      streams.close();
      this.kill();
    };
    const patienceMs = Math.min(this.#world.limits.drainTimeoutMs, CLOSE_GRACE_MS);
    this.process.setTimer(patienceMs, exit);
    this.#world.timeline.mustSettle = true;
    void streams.gone().then(exit);
  }

  #open(connection: Connection): ServerCall {
    const call = new ServerCall(connection, this.#world.limits.highWaterBytes);
    this.oracle.multiplex.opened(call);
    call.serve(this.#acceptClient);
    return call;
  }

  /** Registers a call that has arrived on a Multiplex stream. */
  #newCall(wish: Wish, stream: ClientStream): Call {
    const call = this.#world.newCall(wish, stream, this.#world.askedBy(wish.payload));
    // A call beyond the limit is refused before it gets an id.
    if (wish.flaw !== "TOO_MANY_CALLS") this.#name(call);
    return call;
  }

  #name(call: Call): void {
    call.requestId = call.wish.requestId || `h${call.number}`;
    if (call.wish.requestId === "") this.#nextRequestIds.push(call.requestId);
  }

  /** Checks that a hub with nothing to do holds no request. */
  checkIdle(): void {
    const { requests, sessions, queues } = this.core;
    const left = [requests.live.size, requests.heldBytes, queues.methods.size, queues.groups.size];
    left.push(queues.queued, queues.workerless, sessions.size);
    if (left.some((size) => size !== 0) || this.oracle.books.calls.size > 0) {
      this.#world.fail("nothing is left", `the idle hub holds ${left.join(", ")}`);
    }
  }

  /** Whether the hub keeps nothing of any peer that it has had. */
  get hasForgotten(): boolean {
    const { requests, workers, idle } = this.core;
    const { streams } = this.oracle.multiplex;
    return idle && workers.isClear && requests.unread.bytes === 0 && streams.size === 0;
  }
}

function readAnswer(how: StatusObject | Buffer): Told {
  if (!Buffer.isBuffer(how)) {
    const pushback = how.metadata.get("grpc-retry-pushback-ms")[0];
    return {
      kind: "failure",
      error: readStatus(how),
      pushback: pushback === undefined ? undefined : String(pushback),
    };
  }
  const { payload, info } = readResponse(how);
  const { workerId, attempts, queueTimeMs, runTimeMs } = info;
  const times: [number, number] = [queueTimeMs, runTimeMs];
  return { kind: "answer", value: decodePayload(payload), workerId, attempts, times };
}
