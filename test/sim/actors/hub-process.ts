import { EventEmitter } from "node:events";
import type { ServerUnaryCall, sendUnaryData } from "@grpc/grpc-js";
import { silentLogger } from "../../../src/base/logger.js";
import type { HubCore } from "../../../src/hub/core/hub-core.js";
import { Engine } from "../../../src/hub/engine.js";
import { DEADLINE_SLACK_MS } from "../../../src/hub/grpc-internals.js";
import { requestHandler } from "../../../src/hub/request-handler.js";
import { WorkerStream } from "../../../src/hub/worker-stream.js";
import { decodePayload } from "../../../src/wire/payload.js";
import { readResponse } from "../../../src/wire/relay.js";
import { DETAILS_KEY, fromStatus } from "../../../src/wire/status.js";
import { Chance } from "../machine/chance.js";
import type { Connection, HubEnd } from "../machine/connection.js";
import { SimProcess } from "../machine/process.js";
import { ServerCall } from "../machine/server-call.js";
import type { Call, Told } from "../oracle/call.js";
import { watchCore } from "../oracle/core-watch.js";
import { HubOracle } from "../oracle/hub-oracle.js";
import type { Stream } from "../oracle/stream.js";
import type { World } from "../world.js";
import { CallStream, type Client } from "./client.js";
import { FORWARDED } from "./wish.js";

type Answer = Parameters<sendUnaryData<Buffer>>;

/** One life of the hub: the real engine, streams and request handler in a simulated process. */
export class HubProcess implements HubEnd {
  readonly process: SimProcess;
  readonly oracle: HubOracle;
  readonly core: HubCore;
  readonly #world: World;
  readonly #engine: Engine;
  readonly #handle: ReturnType<typeof requestHandler>;
  readonly #streams = new Map<Connection, Stream>();
  #nextRequestId = "";
  #hasFlushed = false;
  #state: "serving" | "draining" | "stopped" = "serving";

  constructor(world: World) {
    const { limits, timeline } = world;
    this.#world = world;
    this.process = new SimProcess(timeline);
    this.oracle = new HubOracle(limits, this.process, world);
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
    const submissions = { limits, nextRequestId: () => this.#nextRequestId };
    this.#handle = requestHandler(this.#engine, submissions, [FORWARDED]);
  }

  get isServing(): boolean {
    return this.#state === "serving";
  }

  accept(connection: Connection): ServerCall {
    const { limits } = this.#world;
    const call = new ServerCall(connection, limits.highWaterBytes);
    const stream = this.oracle.opened();
    this.#streams.set(connection, stream);
    call.observer = this.oracle.observe(stream);
    const context = { engine: this.#engine, limits, hubId: "hub", logger: silentLogger };
    new WorkerStream(call.asStream, context);
    return call;
  }

  /** What the oracle knows of a connection. */
  streamOf(connection: Connection): Stream | undefined {
    return this.#streams.get(connection);
  }

  /** A request arrives at once; returns how its caller cancels it. */
  request(call: Call): () => void {
    const emitter = new EventEmitter();
    const { timeoutMs, encoded, metadata } = call.wish;
    // As grpc-js counts it, see easeDeadline.
    const leftMs = (timeoutMs ?? Number.POSITIVE_INFINITY) + DEADLINE_SLACK_MS;
    const deadline = Date.now() + leftMs;
    const client = this.#world.clients[call.wish.client] as Client;
    const stream = new CallStream(client, this.process, this.oracle.observeAnswer(call));
    const unary = Object.assign(emitter, {
      request: encoded,
      metadata,
      getDeadline: () => deadline,
      call: { stream },
    });
    this.#nextRequestId = `h${call.number}`;
    this.oracle.arrived(call, this.#nextRequestId);
    this.#handle(unary as unknown as ServerUnaryCall<Buffer, Buffer>, (...answer: Answer) => {
      const told = readAnswer(...answer);
      this.#world.log(() => `${call} is told ${told.kind === "answer" ? "OK" : told.error.reason}`);
      this.oracle.told(call, told, stream.destroyed ? 0 : (answer[1]?.length ?? 0));
      stream.answered();
    });
    return () => {
      this.oracle.cancelled(call);
      emitter.emit("cancelled");
      stream.gone();
    };
  }

  /** Shuts down as `Hub.drain` does. */
  drain(): void {
    if (this.#state !== "serving") return;
    this.#state = "draining";
    this.oracle.draining();
    this.#engine.tell((core, now) => core.drain(now));
    this.process.setTimer(this.#world.limits.drainTimeoutMs, () => this.#stop());
  }

  /** The process is killed. */
  kill(): void {
    if (this.process.isDead) return;
    this.#world.log(() => "the hub dies");
    this.process.die();
    this.oracle.killed();
    for (const connection of this.#streams.keys()) connection.hubDied();
    this.#world.onHubGone();
  }

  #stop(): void {
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

  /** Runs what may flush the engine, and has the oracle look at it if it did. */
  #flush(run: () => void): void {
    this.#hasFlushed = false;
    run();
    if (!this.#hasFlushed) return;
    this.oracle.flushed();
    if (this.#state === "serving" || !this.core.idle) return;
    this.checkIdle();
    this.kill();
  }

  /** A hub with nothing to do keeps no request. */
  checkIdle(): void {
    const { requests, sessions } = this.core;
    const left = [requests.live.size, requests.heldBytes, requests.queues.methods.size];
    left.push(requests.queues.queued, requests.queues.workerless, sessions.size);
    if (left.some((size) => size !== 0) || this.oracle.books.calls.size > 0) {
      this.#world.fail("nothing is left", `the idle hub holds ${left.join(", ")}`);
    }
  }

  /** Whether it keeps nothing at all of anyone who was there. */
  get hasForgotten(): boolean {
    const { requests, workers, idle } = this.core;
    return idle && workers.isClear && requests.unread.bytes === 0;
  }
}

function readAnswer(...[error, response]: Answer): Told {
  if (error !== null) {
    const { code = 2, details = "", metadata } = error;
    const pushback = metadata?.get("grpc-retry-pushback-ms")[0];
    return {
      kind: "failure",
      error: fromStatus(code as number, details, metadata?.get(DETAILS_KEY)[0]),
      pushback: pushback === undefined ? undefined : String(pushback),
    };
  }
  const { payload, info } = readResponse(response as Buffer);
  const { workerId, attempts, queueTimeMs, runTimeMs } = info;
  const times: [number, number] = [queueTimeMs, runTimeMs];
  return { kind: "answer", value: decodePayload(payload), workerId, attempts, times };
}
