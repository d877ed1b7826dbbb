import { decodePayload } from "../../src/wire/payload/payload.js";
import type { JobInput } from "../../src/worker/executor.js";
import type { Fault } from "./actions.js";
import { Client } from "./actors/client.js";
import { ClientProcess } from "./actors/client-process.js";
import { HubProcess } from "./actors/hub-process.js";
import type { Rogue } from "./actors/rogue.js";
import type { RogueClient } from "./actors/rogue-client.js";
import { CLIENTS, type Input, type UnaryWish, type Wish } from "./actors/wish.js";
import { WorkerProcess } from "./actors/worker-process.js";
import { Chance, mix } from "./machine/chance.js";
import type { Connection } from "./machine/connection.js";
import { Phase, Timeline } from "./machine/timeline.js";
import type { Asked } from "./oracle/asked.js";
import type { Fail } from "./oracle/books.js";
import { Call } from "./oracle/call.js";
import type { Parameters } from "./plan.js";

/** A broken promise. */
export interface Violation {
  check: string;
  what: string;
}

/** Logs an event; the text is built only if it is read. */
export type Log = (text: () => string) => void;

/** Counts an occurrence of `name` in `group`. */
export type Count = (group: string, name: string) => void;

/** How long a hub takes to restart, in milliseconds. */
const HUB_RESTART_MS = 700;
const WORKER_RESTART_MS = 400;
const CLIENT_RESTART_MS = 300;
/** Number of client processes. */
const CALLERS = 2;

/** The whole simulated world of one run: its time, its processes, and its record of what ran. */
export class World {
  readonly timeline = new Timeline();
  readonly limits: Parameters["limits"];
  readonly workers = new Set<WorkerProcess>();
  readonly rogues = new Set<Rogue>();
  readonly connections = new Set<Connection>();
  readonly calls: Call[] = [];
  /** Calls by request id; for an id that was sent again, the last one. */
  readonly byRequestId = new Map<string, Call>();
  /** The requests made through client processes. */
  readonly asked: Asked[] = [];
  /** The client processes on Multiplex. */
  readonly callers = new Set<ClientProcess>();
  readonly rogueClients = new Set<RogueClient>();
  readonly clients = Array.from({ length: CLIENTS }, (_, index) => new Client(new Chance(index)));
  readonly count: Count;
  /** The hub that is listening now. */
  hub: HubProcess | undefined;
  violation: Violation | undefined;
  /** What happened, if recorded. */
  readonly history: string[] | undefined;
  /** The worker ids that die, and how many more jobs each dies of. */
  readonly doomed = new Map<string, number>();
  /**
   * Whether the faults are over: no worker or client is restarted from then on, and handlers
   * return.
   */
  isHealing = false;
  readonly #cancels = new Map<Call, () => void>();
  readonly #giveUps = new Map<Asked, { client: ClientProcess; giveUp: () => void }>();
  #runs = 0;

  constructor(limits: Parameters["limits"], count: Count, records: boolean) {
    this.limits = limits;
    this.count = count;
    this.history = records ? [] : undefined;
    this.hub = new HubProcess(this);
    for (let seed = 1; seed <= CALLERS; seed += 1) this.callers.add(new ClientProcess(this, seed));
  }

  /** Reports a broken promise. Only the first one counts. */
  readonly fail: Fail = (check, what) => {
    this.violation ??= { check, what };
    this.log(() => `BROKEN ${check}: ${what}`);
  };

  /** Records what happens, if a history is wanted. */
  readonly log: Log = (text) => {
    this.history?.push(`${this.timeline.now.toFixed(3)} ${text()}`);
  };

  /** Counts a fault. */
  fault(kind: Fault): void {
    this.count("fault", kind);
  }

  later(delayMs: number, act: () => void): void {
    this.timeline.add(this.timeline.now + delayMs, Phase.input, act);
  }

  /** Does harm later, unless the faults are over by then. */
  harmLater(delayMs: number, harm: () => void): void {
    this.later(delayMs, () => {
      if (!this.isHealing) harm();
    });
  }

  /** Starts a worker process. */
  addWorker(kind: WorkerProcess["kind"], seed: number): WorkerProcess {
    const worker = new WorkerProcess(this, kind, seed);
    this.workers.add(worker);
    return worker;
  }

  /** Has a client send a request, and perhaps cancel it. Without a hub it never arrives. */
  submit(makeWish: (number: number) => UnaryWish, cancelAfterMs: number | undefined): Call {
    const wish = makeWish(this.calls.length + 1);
    const call = this.newCall(wish, wish.client);
    const { hub, timeline } = this;
    if (hub === undefined) {
      call.state = "broken";
      return call;
    }
    hub.process.input(timeline.now, () => this.#cancels.set(call, hub.request(call, wish)));
    if (cancelAfterMs !== undefined) {
      hub.process.input(timeline.now + cancelAfterMs, () => this.#cancels.get(call)?.());
    }
    return call;
  }

  /** Registers a new call from any client. */
  newCall(wish: Wish, peer: unknown, asked?: Asked): Call {
    const call = new Call(this.calls.length + 1, wish, peer, asked);
    this.calls.push(call);
    return call;
  }

  /** Makes a request through a client, and perhaps cancels it. */
  ask(
    client: ClientProcess,
    makeAsked: (number: number, now: number) => Asked,
    cancelAfterMs?: number,
  ): void {
    const { process } = client;
    process.input(this.timeline.now, () => {
      const asked = makeAsked(this.asked.length + 1, process.now());
      this.asked.push(asked);
      const giveUp = client.ask(asked);
      this.#giveUps.set(asked, { client, giveUp });
      if (cancelAfterMs !== undefined) process.input(process.now() + cancelAfterMs, giveUp);
    });
  }

  /** The request that a payload belongs to, if it is from a client that follows the protocol. */
  askedBy(payload: Uint8Array): Asked | undefined {
    try {
      return this.asked[(decodePayload(payload) as unknown as Input).call - 1];
    } catch {
      return undefined;
    }
  }

  onClientGone(client: ClientProcess): void {
    this.callers.delete(client);
    if (this.isHealing) return;
    this.later(CLIENT_RESTART_MS, () => {
      if (!this.isHealing) this.callers.add(new ClientProcess(this, this.asked.length));
    });
  }

  /** Makes about half of the callers vanish. Returns whether there were any. */
  callersGo(chance: Chance): boolean {
    const gone = this.calls.filter((call) => call.isOpen && chance.flip(0.5));
    for (const call of gone) {
      this.hub?.process.input(this.timeline.now, () => this.#cancels.get(call)?.());
    }
    const given = [...this.#giveUps].filter(([asked]) => asked.isOpen && chance.flip(0.5));
    for (const [, { client, giveUp }] of given) client.process.input(this.timeline.now, giveUp);
    return gone.length + given.length > 0;
  }

  /** Whether a worker with that id dies of the job that it is beginning. */
  isDoomed(workerId: string): boolean {
    const left = this.doomed.get(workerId) ?? 0;
    if (left === 0 || this.isHealing) return false;
    this.doomed.set(workerId, left - 1);
    return true;
  }

  /** Called when a handler begins a job; returns the number of its run. */
  ran(job: JobInput): number {
    const call = this.#callOf(job);
    const { runs, wish, asked } = call;
    runs.begun += 1;
    this.log(() => `a handler begins ${call}`);
    for (const told of [call.told, asked?.told]) {
      if (told?.kind !== "failure" || told.error.execution !== "NOT_STARTED") continue;
      this.fail("NOT_STARTED is a promise", `${call} begins after its caller was told so`);
    }
    const most = wish.idempotent === false ? 1 : call.maxAttempts;
    if (runs.begun > most) this.fail("at most once, or as often as allowed", `${call} runs again`);
    if (asked !== undefined) {
      asked.begun += 1;
      if (asked.begun > asked.mostRuns) this.fail("at most once over all sends", `${asked}`);
    }
    this.#runs += 1;
    return this.#runs;
  }

  /** Called when a handler has returned `value` or, if that is undefined, has thrown. */
  returned(job: JobInput, value: object | undefined): void {
    const { runs, asked } = this.#callOf(job);
    runs.finished += 1;
    if (asked !== undefined) asked.finished += 1;
    if (value === undefined) return;
    runs.returned.add(JSON.stringify(value));
    asked?.returned.add(JSON.stringify(value));
  }

  onWorkerGone(worker: WorkerProcess): void {
    if (this.isHealing) return;
    this.later(WORKER_RESTART_MS, () => {
      if (!this.isHealing) this.addWorker(worker.kind, mix(worker.seed, 1));
    });
  }

  onHubGone(): void {
    this.hub = undefined;
    this.#cancels.clear();
    for (const call of this.calls) if (call.state === "sent") call.state = "broken";
    this.later(HUB_RESTART_MS, () => {
      this.hub = new HubProcess(this);
    });
  }

  #callOf({ requestId }: JobInput): Call {
    const call = this.byRequestId.get(requestId);
    if (call === undefined) throw new Error(`no call has the request id ${requestId}`);
    return call;
  }
}
