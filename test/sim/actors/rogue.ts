import type { StatusObject } from "@grpc/grpc-js";
import {
  decodeWorkResponse,
  encodeWorkerEvents,
  type Job,
  WireExecution,
  type WorkerEventInit,
} from "../../../src/wire/messages/work.js";
import { encodePayload } from "../../../src/wire/payload/payload.js";
import type { JobInput } from "../../../src/worker/executor.js";
import { Chance } from "../machine/chance.js";
import { Connection, type PeerEnd } from "../machine/connection.js";
import { Path } from "../machine/pipe.js";
import { SimProcess } from "../machine/process.js";
import type { World } from "../world.js";
import { METHODS } from "./wish.js";

/** Ways in which a rogue worker breaks the protocol, or tests its limits. */
export const misdeeds = [
  "no hello",
  "ready before hello",
  "second hello",
  "hello with a long name",
  "ready of a billion",
  "ready of zero",
  "result of a foreign job",
  "nack of a foreign job",
  "result twice",
  "bytes that are not a message",
  "half-close",
  "silence",
  "unasked heartbeats",
  "drain, then ready",
  "oversize answer",
  "no terminal event",
] as const;

type Misdeed = (typeof misdeeds)[number];

/** A worker that breaks the protocol; its misbehaviour must affect nothing but itself. */
export class Rogue implements PeerEnd {
  readonly process: SimProcess;
  readonly path: Path;
  readonly #world: World;
  readonly #chance: Chance;
  readonly #connection: Connection;
  readonly #deeds: Misdeed[];

  constructor(world: World, seed: number) {
    this.#world = world;
    this.#chance = new Chance(seed);
    this.process = new SimProcess(world.timeline);
    this.path = new Path(this.#chance, 0.125, 3);
    this.#connection = new Connection(world.timeline, this, () => world.hub);
    world.connections.add(this.#connection);
    this.#deeds = Array.from({ length: 3 }, () => this.#chance.pick(misdeeds));
    for (const deed of this.#deeds) world.count("misdeed", deed);
    this.#begin();
    this.#goOn();
  }

  onMessage(encoded: Buffer): void {
    for (const { event } of decodeWorkResponse(encoded)) {
      if (event.case === "job") this.#onJob(event.value);
      if (event.case === "heartbeat" && !this.#deeds.includes("silence")) {
        this.#send({ case: "heartbeat", value: {} });
      }
    }
  }

  onEnd(status: StatusObject | undefined): void {
    this.#world.log(() => `a rogue lost its hub: ${status?.details ?? "OK"}`);
    this.die();
  }

  die(): void {
    if (this.process.isDead) return;
    this.process.die();
    this.#connection.peerDied(false);
    this.#world.rogues.delete(this);
  }

  #begin(): void {
    if (this.#deeds.includes("no hello")) return;
    if (this.#deeds.includes("ready before hello")) this.#send(ready(1));
    const isLong = this.#deeds.includes("hello with a long name");
    this.#send({
      case: "hello",
      value: {
        workerId: isLong ? "x".repeat(300) : "rogue",
        methods: METHODS.map((name) => ({ name })),
        heartbeatMode: this.#chance.int(0, 2),
      },
    });
    this.#send(ready(this.#chance.int(1, 3)));
  }

  #goOn(): void {
    for (const deed of this.#deeds) {
      this.process.setTimer(this.#chance.span(0, 1500), () => this.#do(deed));
    }
    this.process.setTimer(this.#chance.span(1000, 6000), () => this.die());
  }

  #do(deed: Misdeed): void {
    switch (deed) {
      case "second hello":
        return this.#send({ case: "hello", value: { workerId: "rogue again" } });
      case "ready of a billion":
        return this.#send(ready(1_000_000_000));
      case "ready of zero":
        return this.#send(ready(0));
      case "result of a foreign job": {
        const jobId = this.#chance.int(0, 9);
        return this.#forge(jobId, { case: "result", value: answer(jobId, "forged") });
      }
      case "nack of a foreign job": {
        const jobId = this.#chance.int(0, 9);
        const execution = WireExecution.NOT_STARTED;
        return this.#forge(jobId, { case: "nack", value: { jobId, execution } });
      }
      case "bytes that are not a message":
        this.#connection.write(Buffer.from([0xff, 0xff]));
        return;
      case "half-close":
        return this.#connection.halfClose();
      case "unasked heartbeats":
        for (let count = 0; count < 5; count += 1) {
          this.#send({ case: "heartbeat", value: { pendingBytes: this.#chance.int(0, 5000) } });
        }
        return;
      default:
        return;
    }
  }

  #onJob(job: Job): void {
    const { jobId } = job;
    if (this.#deeds.includes("drain, then ready")) {
      this.#send({ case: "drain", value: {} }, ready(2));
    }
    if (this.#deeds.includes("no terminal event")) return;
    if (this.#chance.flip(0.3)) {
      const execution = this.#chance.pick([WireExecution.NOT_STARTED, WireExecution.UNKNOWN]);
      this.#send({ case: "nack", value: { jobId, execution } });
      // Without a ready, the worker says that this slot has gone; it may have others.
      if (this.#chance.flip(0.5)) this.#send(ready(1));
      return;
    }
    const input = toInput(job);
    const value = { call: Number(job.requestId.slice(1)), run: this.#world.ran(input) };
    const isLarge = this.#deeds.includes("oversize answer");
    const large = { ...value, pad: "x".repeat(this.#world.limits.maxPayloadBytes) };
    this.#world.returned(input, isLarge ? large : value);
    const result = { case: "result", value: answer(jobId, isLarge ? large : value) } as const;
    // What precedes an invalid ready in the same message still counts.
    const isWrong = this.#deeds.includes("ready of zero");
    this.#send(result, ready(isWrong ? 0 : 1));
    if (this.#deeds.includes("result twice")) this.#forge(jobId, result);
  }

  #forge(jobId: number, event: WorkerEventInit): void {
    for (const message of encodeWorkerEvents([event])) this.#connection.write(message, jobId);
  }

  #send(...events: WorkerEventInit[]): void {
    for (const message of encodeWorkerEvents(events)) this.#connection.write(message);
  }
}

function ready(slots: number): WorkerEventInit {
  return { case: "ready", value: { slots } };
}

function answer(jobId: number, value: unknown) {
  return { jobId, outcome: { case: "payload", value: encodePayload(value) } } as const;
}

function toInput({ method, payload, attempt, requestId, timeoutMs }: Job): JobInput {
  return { method, payload, attempt, requestId, timeoutMs, metadata: {} };
}
