import { type Data, decodePayload, encodePayload } from "#wire/payload.js";
import type { Failure, Hello, HubEventInit, Job } from "#wire/worker-events.js";
import { ask, ConformanceFailure, check, type Expectation } from "./expectation.js";
import { describeEvent, describeEvents } from "./journal.js";
import type { Heard, StreamState, WorkStream } from "./work-stream.js";

/** What ends a job. */
export type Terminal = Extract<Heard, { case: "result" | "nack" }>;

/** A job as it is written; what is left out is as a hub has it that knows nothing more. */
export type JobInit = Partial<Job>;

/** A job that was written. */
export interface SentJob {
  id: number;
  /** How many events the worker had sent by then. */
  heardBefore: number;
}

/** What a session needs of its surroundings. */
export interface SessionPort {
  /** As `Changes.until`, but fails as soon as the worker's process has ended. */
  until<T>(look: () => T | undefined, expectation: Expectation, timeoutMs?: number): Promise<T>;
  /** As `until`, and gives up without a failure. */
  wait(look: () => boolean, timeoutMs: number): Promise<boolean>;
  /** Never the same twice for one process, so that what belongs to another stream is seen. */
  nextJobId(): number;
}

/** How long the answer to a heartbeat may take that orders events, in milliseconds. */
const FENCE_MS = 500;

/** Why nothing more comes on a stream, for people. */
const left: Record<Exclude<StreamState, "open">, string> = {
  ended: "the hub had ended the stream",
  "half-closed": "the worker half-closed the stream",
  lost: "the worker left the stream",
  broken: "the worker sent a message that does not decode",
};

/** A stream on which the worker has said hello, and the hub's books of it. */
export class Session {
  readonly stream: WorkStream;
  readonly hello: Hello;
  /** The most credit that it can have. */
  readonly maxSlots: number;
  /** The credit that the worker gave at its start: its slots. */
  slots = 0;
  readonly #port: SessionPort;
  readonly #jobs = new Set<number>();

  constructor(port: SessionPort, stream: WorkStream, hello: Hello, maxSlots: number) {
    this.#port = port;
    this.stream = stream;
    this.hello = hello;
    this.maxSlots = maxSlots;
  }

  /** The methods that it may be given jobs of. */
  get methods(): string[] {
    const names = this.hello.methods.map(({ name }) => name);
    return names.length > 0 ? names : [""];
  }

  /** Credit that was given and not used, also beyond what a hub would count. */
  get credit(): number {
    const given = this.stream.heard.map((event) =>
      event.case === "ready" ? event.value.slots : 0,
    );
    return given.reduce((sum, slots) => sum + slots, 0) - this.#jobs.size;
  }

  /** The terminal events of jobs that were never written to this stream. */
  get strays(): Terminal[] {
    return this.#terminals().filter(({ value }) => !this.#jobs.has(value.jobId));
  }

  /** Whether the stream is as it was at first: every job ended once, all credit back. */
  get isClean(): boolean {
    const ends = this.#terminals().map(({ value }) => value.jobId);
    const once = ends.length === this.#jobs.size && ends.every((id) => this.#jobs.has(id));
    return this.stream.state === "open" && once && this.credit === this.slots;
  }

  /** Waits for something on this stream; its end is a failure. */
  until<T>(look: () => T | undefined, expectation: Expectation, timeoutMs?: number): Promise<T> {
    const from = this.stream.heard.length;
    const looked = (): T | undefined => {
      const found = look();
      if (found !== undefined || this.stream.state === "open") return found;
      const since = describeEvents(this.stream.heard.slice(from));
      throw new ConformanceFailure(
        expectation,
        `${left[this.stream.state]}; meanwhile it had sent ${since}`,
      );
    };
    return this.#port.until(looked, expectation, timeoutMs);
  }

  /** Waits until there is so much credit. */
  async haveCredit(slots: number, expectation: Expectation): Promise<void> {
    await this.until(() => (this.credit >= slots ? true : undefined), expectation);
  }

  /** Writes a job once there is credit for it. */
  async job(method: string, input: unknown, more: JobInit = {}): Promise<SentJob> {
    await this.haveCredit(1, ask("`ready` for a further job", "6.2"));
    const { job, event } = this.newJob(method, input, more);
    this.stream.send(event);
    return job;
  }

  /** A job that is yet to be sent; whoever asks for it has seen to the credit. */
  newJob(
    method: string,
    input: unknown,
    more: JobInit = {},
  ): { job: SentJob; event: HubEventInit } {
    const id = this.#port.nextJobId();
    this.#jobs.add(id);
    const value: Job = {
      jobId: id,
      method,
      payload: more.payload ?? encodePayload(input),
      attempt: 1,
      metadata: [],
      requestId: `conformance-${id}`,
      ...more,
    };
    return { job: { id, heardBefore: this.stream.heard.length }, event: { case: "job", value } };
  }

  /** Every terminal event of a job so far. */
  terminals(job: SentJob): Terminal[] {
    return this.#terminals().filter(({ value }) => value.jobId === job.id);
  }

  /** The first terminal event of a job. */
  terminal(job: SentJob, expectation?: Expectation, timeoutMs?: number): Promise<Terminal> {
    const usual = ask(`one terminal event for job ${job.id}`, "7.1");
    return this.until(() => this.terminals(job)[0], expectation ?? usual, timeoutMs);
  }

  /** What a job was answered with, decoded; fails if it was not answered. */
  async answer(job: SentJob, expectation: Expectation, timeoutMs?: number): Promise<Data> {
    const terminal = await this.terminal(job, expectation, timeoutMs);
    const outcome = terminal.case === "result" ? terminal.value.outcome : undefined;
    check(
      outcome !== undefined && outcome.case !== "failure",
      expectation,
      `it was ${describeEvent(terminal)}`,
    );
    try {
      return outcome?.case === "payload" ? decodePayload(outcome.value) : null;
    } catch {
      throw new ConformanceFailure(expectation, "its payload is no encoded `Payload`");
    }
  }

  /** Why a job has no answer; fails if it ended otherwise. */
  async failure(job: SentJob, expectation: Expectation): Promise<Failure> {
    const terminal = await this.terminal(job, expectation);
    if (terminal.case === "result" && terminal.value.outcome.case === "failure") {
      return terminal.value.outcome.value;
    }
    throw new ConformanceFailure(expectation, `it was ${describeEvent(terminal)}`);
  }

  /** Tells the worker that nobody waits for a job any more. */
  cancel(job: { id: number }): void {
    this.stream.send({ case: "cancel", value: { jobId: job.id, reason: "conformance" } });
  }

  /** Asks for a sign of life; returns whether it came within `timeoutMs`. */
  heartbeat(timeoutMs: number): Promise<boolean> {
    const beats = (): number =>
      this.stream.heard.filter(({ case: kind }) => kind === "heartbeat").length;
    const before = beats();
    this.stream.send({ case: "heartbeat", value: {} });
    return this.#port.wait(() => beats() > before || this.stream.state !== "open", timeoutMs);
  }

  /**
   * Lets the worker say what it has to say of all that was sent before: the answer
   * to a heartbeat comes after it. One that does not answer is given a moment.
   */
  async fence(): Promise<void> {
    await this.heartbeat(FENCE_MS);
  }

  /** Waits for a job's outcome, whatever it is; a job that is given back has none. */
  async outcome(job: SentJob, expectation: Expectation, timeoutMs?: number): Promise<void> {
    const terminal = await this.terminal(job, expectation, timeoutMs);
    check(terminal.case === "result", expectation, `it was ${describeEvent(terminal)}`);
  }

  /** Shows by one more job that the stream still serves. */
  async stillServes(method: string, after: Expectation): Promise<void> {
    await this.outcome(await this.job(method, null), after);
  }

  #terminals(): Terminal[] {
    return this.stream.heard.filter(
      (event): event is Terminal => event.case === "result" || event.case === "nack",
    );
  }
}
