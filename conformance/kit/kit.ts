import { create } from "@bufbuild/protobuf";
import { onAbort } from "#base/abort.js";
import { type Clock, delay } from "#base/clock.js";
import { welcomeDefaults } from "#base/limits.js";
import { WelcomeSchema } from "#wire/index.js";
import { HeartbeatMode, type HubEventInit, type Welcome } from "#wire/worker-events.js";
import { Changes } from "./changes.js";
import { ask, ConformanceFailure, type Expectation } from "./expectation.js";
import { Journal } from "./journal.js";
import { Model, type ModelMethod } from "./model.js";
import { ScriptedHub } from "./scripted-hub.js";
import { Session } from "./session.js";
import type { ConformanceTimes } from "./times.js";
import type { WorkStream } from "./work-stream.js";
import type { WorkerFacts } from "./worker-facts.js";
import { WorkerProcess } from "./worker-process.js";

/** What a hub says first, also in fields that nobody has defined. */
export type WelcomeInit = Extract<HubEventInit, { case: "welcome" }>["value"] &
  Pick<Welcome, "$unknown">;

/** How long a worker is watched for further credit when it is first started, in milliseconds. */
const SETTLE_MS = 300;

const HELLO = ask("`hello` as the first event of its stream", "5.2");
const READY = ask("`ready` with at least one slot", "6.2");

/** What scenarios play with: the hub's side of everything, and the worker's process. */
export class Kit {
  readonly times: ConformanceTimes;
  readonly clock: Clock;
  readonly journal: Journal = new Journal();
  readonly hub: ScriptedHub;
  /** What the worker is; known once it was started. */
  facts: WorkerFacts | undefined;
  readonly #command: readonly string[];
  readonly #changes: Changes;
  readonly #signal: AbortSignal;
  #process: WorkerProcess | undefined;
  /** The stream that the next scenario may go on with. */
  #reusable: Session | undefined;
  #lastJobId = 0;
  #streamsTaken = 0;

  /** @param signal gives everything up: whatever is waited for then fails with its reason. */
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

  /** The worker's process. */
  get process(): WorkerProcess {
    if (this.#process === undefined) throw new Error("no worker was started");
    return this.#process;
  }

  /** The method for scenarios that need a job and do not care which. */
  get anyMethod(): string {
    const methods = this.facts?.methods ?? [];
    return this.offers(Model.ECHO) ? Model.ECHO : (methods[0] ?? "");
  }

  /** Whether the worker has a method of the model. */
  offers(method: ModelMethod): boolean {
    return this.facts?.methods.includes(method) ?? false;
  }

  /** A serving stream with all its credit: the last one if it is as good as new, else of a new process. */
  async serving(): Promise<Session> {
    const last = this.#reusable;
    if (last !== undefined && this.process.end === undefined) {
      await this.wait(() => last.isClean, SETTLE_MS);
      await last.fence();
      if (last.isClean) return last;
    }
    return this.serveAnew();
  }

  /** A serving stream of a new process, which the next scenario may go on with. */
  async serveAnew(): Promise<Session> {
    const session = await this.start();
    this.#reusable = session;
    return session;
  }

  /** A serving stream of a new process, for this scenario only. */
  async start(welcome: WelcomeInit = {}): Promise<Session> {
    await this.launch();
    const session = await this.nextSession(HELLO, this.times.startTimeoutMs, welcome);
    await this.ready(session);
    return session;
  }

  /** Starts the command anew; whatever ran before is killed. */
  async launch(): Promise<void> {
    await this.stop();
    this.#signal.throwIfAborted();
    await this.hub.listen();
    this.journal.note("kit", "starts the worker");
    const changed = (): void => this.#changes.notify();
    this.#process = new WorkerProcess(this.#command, this.hub.address, changed);
  }

  /** Kills the worker, and the hub with its connections. */
  async stop(): Promise<void> {
    this.#reusable = undefined;
    this.#streamsTaken = 0;
    await this.#process?.kill();
    await this.hub.kill();
    this.hub.forget();
  }

  /** The next stream that the worker opens and that was not asked for yet. */
  async nextStream(expectation: Expectation, timeoutMs?: number): Promise<WorkStream> {
    const stream = await this.until(
      () => this.hub.streams[this.#streamsTaken],
      expectation,
      timeoutMs,
    );
    this.#streamsTaken += 1;
    return stream;
  }

  /** The next stream, once the worker has said hello and was welcomed. */
  async nextSession(
    expectation: Expectation,
    timeoutMs: number = this.times.answerTimeoutMs,
    welcome: WelcomeInit = {},
  ): Promise<Session> {
    const stream = await this.nextStream(expectation, timeoutMs);
    const hello = await this.until(
      () => stream.heard.find((event) => event.case === "hello")?.value,
      HELLO,
    );
    const isAlways = hello.heartbeatMode === HeartbeatMode.ALWAYS;
    const maxSlots = isAlways ? welcomeDefaults.maxSlots : 1;
    const value = create(WelcomeSchema, { ...usualWelcome(), maxSlots, ...welcome });
    if (welcome.$unknown !== undefined) value.$unknown = welcome.$unknown;
    stream.send({ case: "welcome", value });
    const port = {
      until: this.until.bind(this),
      wait: this.wait.bind(this),
      nextJobId: () => ++this.#lastJobId,
    };
    return new Session(port, stream, hello, maxSlots);
  }

  /** Waits until a session has given the credit of all its slots. */
  async ready(session: Session): Promise<void> {
    await session.haveCredit(1, READY);
    const { facts } = this;
    if (facts === undefined) {
      await session.fence();
      await this.pause(SETTLE_MS);
    } else {
      await this.wait(() => session.credit >= facts.slots, this.times.watchMs);
    }
    session.slots = Math.min(session.credit, session.maxSlots);
  }

  /** Waits until `look` finds something; fails if it does not in time, or the worker's process ends. */
  async until<T>(
    look: () => T | undefined,
    expectation: Expectation,
    timeoutMs: number = this.times.answerTimeoutMs,
  ): Promise<T> {
    const looked = (): T | undefined => {
      const found = look();
      const end = this.#process?.end;
      if (found !== undefined || end === undefined) return found;
      throw new ConformanceFailure(expectation, `the worker's process ${end.how}`);
    };
    const found = await this.#look(looked, timeoutMs);
    if (found !== undefined) return found;
    const got = `that did not come within ${timeoutMs / 1000} s`;
    throw new ConformanceFailure(expectation, got);
  }

  /** Waits until `look` says yes; returns whether it did in time. */
  async wait(look: () => boolean, timeoutMs: number): Promise<boolean> {
    return (await this.#look(() => look() || undefined, timeoutMs)) ?? false;
  }

  /** Lets time pass, where no event tells that it has. */
  async pause(ms: number): Promise<void> {
    await delay(this.clock, ms, this.#signal);
    this.#signal.throwIfAborted();
  }

  #look<T>(look: () => T | undefined, timeoutMs: number): Promise<T | undefined> {
    return this.#changes.until(() => {
      this.#signal.throwIfAborted();
      return look();
    }, timeoutMs);
  }
}

function usualWelcome(): WelcomeInit {
  const { heartbeatIntervalMs, livenessTimeoutMs, hubTimeoutMs, cancelGraceMs, maxPayloadBytes } =
    welcomeDefaults;
  const limits = { heartbeatIntervalMs, livenessTimeoutMs, hubTimeoutMs, cancelGraceMs };
  return { sessionId: "1", hubId: "conformance", ...limits, maxPayloadBytes };
}
