import { create } from "@bufbuild/protobuf";
import { onAbort } from "#base/abort.js";
import { type Clock, delay } from "#base/clock.js";
import { welcomeDefaults } from "#base/options/limits.js";
import { WelcomeSchema } from "#wire/index.js";
import { HeartbeatMode, type HubEventInit, type Welcome } from "#wire/messages/work.js";
import { Changes } from "./changes.js";
import { ConformanceFailure, type Expectation, expecting } from "./expectation.js";
import { Journal } from "./journal.js";
import { Model, type ModelMethod } from "./model.js";
import { ScriptedHub } from "./scripted-hub.js";
import { Session } from "./session.js";
import type { ConformanceTimes } from "./times.js";
import type { WorkStream } from "./work-stream.js";
import type { WorkerFacts } from "./worker-facts.js";
import { WorkerProcess } from "./worker-process.js";

/** The fields of a `welcome` to override, including fields that the .proto does not define. */
export type WelcomeInit = Extract<HubEventInit, { case: "welcome" }>["value"] &
  Pick<Welcome, "$unknown">;

/** How long to wait for more credit, or for a session to become clean, in milliseconds. */
const SETTLE_MS = 300;

const HELLO = expecting("`hello` as the first event of its stream", "5.2");
const READY = expecting("`ready` with at least one slot", "6.2");

/** What a scenario works with: a hub under its control, and the worker's process. */
export class Kit {
  readonly times: ConformanceTimes;
  readonly clock: Clock;
  readonly journal: Journal = new Journal();
  readonly hub: ScriptedHub;
  /** What the worker offers; undefined until it first comes up. */
  facts: WorkerFacts | undefined;
  readonly #command: readonly string[];
  readonly #changes: Changes;
  readonly #signal: AbortSignal;
  #process: WorkerProcess | undefined;
  /** The session that the next scenario may use, if it is clean by then. */
  #reusable: Session | undefined;
  #lastJobId = 0;
  #streamsTaken = 0;

  /** @param signal aborts the run: everything that is waiting then rejects with its reason. */
  constructor(
    command: readonly string[],
    times: ConformanceTimes,
    clock: Clock,
    signal: AbortSignal,
  ) {
    this.#command = command;
    this.times = times;
    this.clock = clock;
    this.#signal = signal;
    this.#changes = new Changes(clock);
    onAbort(signal, () => this.#changes.notify());
    this.hub = new ScriptedHub(clock, this.journal, () => this.#changes.notify());
  }

  /** The worker's process. Throws if none was started. */
  get process(): WorkerProcess {
    if (this.#process === undefined) throw new Error("no worker was started");
    return this.#process;
  }

  /** The method for scenarios that need a job and do not care which. */
  get anyMethod(): string {
    const methods = this.facts?.methods ?? [];
    return this.offers(Model.ECHO) ? Model.ECHO : (methods[0] ?? "");
  }

  /** Whether the worker serves a method of the model. */
  offers(method: ModelMethod): boolean {
    return this.facts?.methods.includes(method) ?? false;
  }

  /**
   * Returns a session that is as good as new: the previous scenario's if it is clean, otherwise one
   * from a new process.
   */
  async cleanSession(): Promise<Session> {
    const last = this.#reusable;
    if (last !== undefined && this.process.end === undefined) {
      await this.waitUntil(() => last.isClean, SETTLE_MS);
      await last.fence();
      if (last.isClean) return last;
    }
    return this.freshSession();
  }

  /** Returns the session of a new process, which later scenarios may use too. */
  async freshSession(): Promise<Session> {
    const session = await this.isolatedSession();
    this.#reusable = session;
    return session;
  }

  /** Returns the session of a new process, for this scenario only. */
  async isolatedSession(welcome: WelcomeInit = {}): Promise<Session> {
    await this.startWorker();
    const session = await this.awaitSession(HELLO, this.times.startTimeoutMs, welcome);
    await this.awaitSlots(session);
    return session;
  }

  /** Kills the worker, if any, and starts a new one. */
  async startWorker(): Promise<void> {
    await this.stop();
    this.#signal.throwIfAborted();
    await this.hub.listen();
    this.journal.record("kit", "starts the worker");
    const changed = (): void => this.#changes.notify();
    this.#process = new WorkerProcess(this.#command, this.hub.address, changed);
  }

  /** Kills the worker and the hub. */
  async stop(): Promise<void> {
    this.#reusable = undefined;
    this.#streamsTaken = 0;
    await this.#process?.kill();
    await this.hub.kill();
    this.hub.forget();
  }

  /** Waits for the next stream that the worker opens. */
  async awaitStream(expectation: Expectation, timeoutMs?: number): Promise<WorkStream> {
    const stream = await this.waitFor(
      () => this.hub.streams[this.#streamsTaken],
      expectation,
      timeoutMs,
    );
    this.#streamsTaken += 1;
    return stream;
  }

  /** Waits for the next stream and its `hello`, and sends `welcome`. */
  async awaitSession(
    expectation: Expectation,
    timeoutMs: number = this.times.answerTimeoutMs,
    welcome: WelcomeInit = {},
  ): Promise<Session> {
    return this.greet(await this.awaitStream(expectation, timeoutMs), welcome);
  }

  /** Waits for the `hello` of a stream, and sends `welcome`. */
  async greet(stream: WorkStream, welcome: WelcomeInit = {}): Promise<Session> {
    const hello = await this.waitFor(
      () => stream.received.find((event) => event.case === "hello")?.value,
      HELLO,
    );
    const isAlways = hello.heartbeatMode === HeartbeatMode.ALWAYS;
    const maxSlots = isAlways ? welcomeDefaults.maxSlots : 1;
    const value = create(WelcomeSchema, { ...defaultWelcome(), maxSlots, ...welcome });
    if (welcome.$unknown !== undefined) value.$unknown = welcome.$unknown;
    stream.send({ case: "welcome", value });
    const port = {
      waitFor: this.waitFor.bind(this),
      waitUntil: this.waitUntil.bind(this),
      nextJobId: () => ++this.#lastJobId,
    };
    return new Session(port, stream, hello, maxSlots);
  }

  /** Waits until the worker has given credit for all its slots. */
  async awaitSlots(session: Session): Promise<void> {
    await session.awaitCredit(1, READY);
    const { facts } = this;
    if (facts === undefined) {
      await session.fence();
      await this.pause(SETTLE_MS);
    } else {
      await this.waitUntil(() => session.credit >= facts.slots, this.times.watchMs);
    }
    session.slots = Math.min(session.credit, session.maxSlots);
  }

  /**
   * Waits until `probe` returns something other than undefined, and returns that.
   *
   * @throws ConformanceFailure after `timeoutMs`, or when the worker's process ends.
   */
  async waitFor<T>(
    probe: () => T | undefined,
    expectation: Expectation,
    timeoutMs: number = this.times.answerTimeoutMs,
  ): Promise<T> {
    const probeWorker = (): T | undefined => {
      const found = probe();
      const end = this.#process?.end;
      if (found !== undefined || end === undefined) return found;
      throw new ConformanceFailure(expectation, `the worker's process ${end.how}`);
    };
    const found = await this.#poll(probeWorker, timeoutMs);
    if (found !== undefined) return found;
    const got = `nothing of the kind arrived within ${timeoutMs / 1000} s`;
    throw new ConformanceFailure(expectation, got);
  }

  /** Waits until `condition` holds; returns whether it did within `timeoutMs`. */
  async waitUntil(condition: () => boolean, timeoutMs: number): Promise<boolean> {
    return (await this.#poll(() => condition() || undefined, timeoutMs)) ?? false;
  }

  /** Waits for a fixed time, for when there is no event to wait for. */
  async pause(ms: number): Promise<void> {
    await delay(this.clock, ms, this.#signal);
    this.#signal.throwIfAborted();
  }

  #poll<T>(probe: () => T | undefined, timeoutMs: number): Promise<T | undefined> {
    return this.#changes.waitFor(() => {
      this.#signal.throwIfAborted();
      return probe();
    }, timeoutMs);
  }
}

function defaultWelcome(): WelcomeInit {
  const { heartbeatIntervalMs, livenessTimeoutMs, hubTimeoutMs, cancelGraceMs, maxPayloadBytes } =
    welcomeDefaults;
  const limits = { heartbeatIntervalMs, livenessTimeoutMs, hubTimeoutMs, cancelGraceMs };
  return { sessionId: "1", hubId: "conformance", ...limits, maxPayloadBytes };
}
