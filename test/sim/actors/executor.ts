import type { Timer } from "../../../src/base/clock.js";
import { packHandlerDetails } from "../../../src/wire/grpc/status.js";
import { decodePayload, encodePayload } from "../../../src/wire/payload/payload.js";
import {
  type Abort,
  type Executor,
  failed,
  type JobInput,
  type JobOutcome,
  type ServedMethod,
} from "../../../src/worker/executor.js";
import { Chance, mix } from "../machine/chance.js";
import type { SimProcess } from "../machine/process.js";
import type { Input } from "./wish.js";

/** The ways a handler can behave. */
export const behaviours = [
  "answer",
  "slow answer",
  "large answer",
  "throw",
  "declare",
  "answer too large",
  "answer malformed",
  "refuse",
  "child crash",
  "ignore cancel",
  "never return",
] as const;

type Behaviour = (typeof behaviours)[number];

/** What a worker is capable of. */
export interface WorkerKind {
  workerId: string;
  slots: number;
  /**
   * Whether jobs run in separate processes, which can crash and are killed if they ignore a cancel.
   */
  isPool: boolean;
  /** Whether a handler blocks the worker's event loop. */
  blocks: boolean;
  methods: readonly ServedMethod[];
  maxReceiveBytes: number;
}

/** What an executor needs from its worker, and where it reports. */
export interface ExecutorPort {
  process: SimProcess;
  maxPayloadBytes: number;
  began(job: JobInput, signal: AbortSignal): void;
  /** Called when a handler begins; returns the number of this run. */
  ran(job: JobInput): number;
  /** Called when a handler has returned `value` or, if that is undefined, has thrown. */
  returned(job: JobInput, value: object | undefined): void;
  finished(job: JobInput): void;
  /** Kills the whole process. */
  crash(): void;
  count(behaviour: Behaviour): void;
}

/** How long it takes to replace a killed or crashed child, in milliseconds. */
const RESPAWN_MS = 200;
const KILL_GRACE_MS = 500;

/** A running handler. */
interface Run {
  job: JobInput;
  done: (outcome: JobOutcome) => void;
  number: number;
  timers: Timer[];
  /** Ends the run as its behaviour dictates. */
  end: () => void;
}

/** Runs jobs in virtual time. The seed in a job's input determines how its handler behaves. */
export class SimExecutor implements Executor {
  readonly beatsWhileBusy: boolean;
  readonly methods: readonly ServedMethod[];
  readonly #kind: WorkerKind;
  readonly #port: ExecutorPort;
  readonly #runs = new Set<Run>();
  /** The number of free slots, including changes that were reported a moment ago. */
  free = 0;
  #report: (change: number) => void = () => {};
  #isHealthy = false;

  constructor(kind: WorkerKind, port: ExecutorPort) {
    this.#kind = kind;
    this.#port = port;
    this.beatsWhileBusy = !kind.blocks;
    this.methods = kind.methods;
  }

  async start(onSlots: (change: number) => void): Promise<void> {
    this.#report = onSlots;
    this.#onSlots(this.#kind.slots);
  }

  async stop(): Promise<void> {
    this.#report = () => {};
  }

  run(job: JobInput, { signal }: Abort, done: (outcome: JobOutcome) => void): void {
    this.#onSlots(-1);
    this.#port.began(job, signal);
    const run: Run = { job, done, number: 0, timers: [], end: () => {} };
    this.#runs.add(run);
    let input: Input;
    try {
      input = decodePayload(job.payload) as unknown as Input;
    } catch {
      return this.#finish(run, failed({ message: "not a payload", reason: "MALFORMED" }));
    }
    this.#compute(run, input, signal);
  }

  /** Takes an idle slot away, and adds it again later. */
  vanish(): void {
    this.#onSlots(-1);
    this.#port.process.setTimer(RESPAWN_MS * 10, () => this.#onSlots(1));
  }

  /** Makes every handler return from now on, including those that otherwise would not. */
  heal(): void {
    this.#isHealthy = true;
    for (const run of [...this.#runs]) run.end();
  }

  #onSlots(change: number): void {
    this.free += change;
    this.#report(change);
  }

  #compute(run: Run, input: Input, signal: AbortSignal): void {
    const chance = new Chance(mix(input.seed, run.job.attempt));
    const behaviour =
      this.#isHealthy || input.seed === 0 ? "answer" : drawBehaviour(input.seed, chance);
    this.#port.count(behaviour);
    if (behaviour === "refuse") {
      return this.#finish(run, { kind: "nack", execution: "NOT_STARTED", reason: "not now" });
    }
    run.number = this.#port.ran(run.job);
    const isLong = behaviour === "never return" || behaviour === "ignore cancel";
    const ms = isLong ? 15_000 : chance.span(0, behaviour === "slow answer" ? 3000 : 40);
    run.end = () => this.#end(run, behaviour, input, chance);
    if (this.#kind.blocks) this.#port.process.freeze(ms);
    if (!isLong || this.#kind.blocks) this.#later(run, ms, run.end);
    const obeys = behaviour === "never return" || chance.flip(0.5);
    const onAbort = (): void => {
      if (obeys && behaviour !== "ignore cancel") this.#later(run, chance.span(0, 20), run.end);
      if (this.#kind.isPool) this.#later(run, KILL_GRACE_MS, () => this.#crash(run));
      else if (behaviour === "ignore cancel") this.#later(run, 30_000, run.end);
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  }

  #later(run: Run, ms: number, act: () => void): void {
    run.timers.push(this.#port.process.setTimer(ms, act));
  }

  #end(run: Run, behaviour: Behaviour, input: Input, chance: Chance): void {
    const { port, value } = { port: this.#port, value: { call: input.call, run: run.number } };
    switch (behaviour) {
      case "throw":
        port.returned(run.job, undefined);
        return this.#finish(run, failed({ type: "Error", message: `call ${input.call} failed` }));
      case "declare":
        port.returned(run.job, undefined);
        return this.#finish(run, declared(chance));
      case "answer malformed":
        port.returned(run.job, value);
        return this.#finish(run, { kind: "payload", payload: new Uint8Array([0xff, 0xff]) });
      case "answer too large": {
        return this.#answer(run, { ...value, pad: "x".repeat(port.maxPayloadBytes) });
      }
      case "child crash":
        return this.#crash(run);
      case "large answer":
        return this.#answer(run, { ...value, pad: "x".repeat((port.maxPayloadBytes * 3) >> 2) });
      default:
        return this.#answer(run, value);
    }
  }

  #answer(run: Run, value: object): void {
    this.#port.returned(run.job, value);
    this.#finish(run, { kind: "payload", payload: encodePayload(value) });
  }

  #crash(run: Run): void {
    if (!this.#kind.isPool) return this.#port.crash();
    if (!this.#over(run)) return;
    run.done({ kind: "nack", execution: "UNKNOWN", reason: "the process died" });
    this.#port.finished(run.job);
    this.#port.process.setTimer(RESPAWN_MS, () => this.#onSlots(1));
  }

  #finish(run: Run, outcome: JobOutcome): void {
    if (!this.#over(run)) return;
    run.done(outcome);
    this.#port.finished(run.job);
    this.#onSlots(1);
  }

  #over(run: Run): boolean {
    for (const timer of run.timers) timer.cancel();
    return this.#runs.delete(run);
  }
}

function declared(chance: Chance): JobOutcome {
  const retryAfterMs = chance.flip(0.5) ? chance.int(1, 5000) : undefined;
  const details = packHandlerDetails({ retryAfterMs, details: [] });
  return failed({ code: chance.int(1, 18), message: "declared", details });
}

function drawBehaviour(seed: number, chance: Chance): Behaviour {
  // Some requests are refused at every attempt.
  if (seed % 20 === 0) return "refuse";
  return chance.flip(0.6) ? "answer" : chance.pick(behaviours);
}
