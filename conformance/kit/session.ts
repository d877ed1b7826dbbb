import type { Failure, Hello, HubEventInit, Job } from "#wire/messages/work.js";
import { type Data, decodePayload, encodePayload } from "#wire/payload/payload.js";
import { ConformanceFailure, check, type Expectation, expecting } from "./expectation.js";
import { describeEvent, describeEvents } from "./journal.js";
import type { ReceivedEvent, StreamState, WorkStream } from "./work-stream.js";

/** The event that ends a job. */
export type TerminalEvent = Extract<ReceivedEvent, { case: "result" | "nack" }>;

/** The fields of a job to set; the others default to those of a plain first attempt. */
export type JobInit = Partial<Job>;

/** A job that was sent. */
export interface SentJob {
  id: number;
  /** How many events the stream had received before it. */
  receivedBefore: number;
}

/** What a session needs from the kit. */
export interface SessionPort {
  /** Same as `Kit.waitFor`. */
  waitFor<T>(probe: () => T | undefined, expectation: Expectation, timeoutMs?: number): Promise<T>;
  /** Same as `Kit.waitUntil`. */
  waitUntil(condition: () => boolean, timeoutMs: number): Promise<boolean>;
  /**
   * Returns a new id, unique across the streams of a run, so that events for another stream's job
   * stand out.
   */
  nextJobId(): number;
}

/** How long `fence` waits for the answer to its heartbeat, in milliseconds. */
const FENCE_MS = 500;

/** Why a stream delivers no more events. */
const endings: Record<Exclude<StreamState, "open">, string> = {
  ended: "the hub ended the stream",
  "half-closed": "the worker half-closed the stream",
  lost: "the worker left the stream",
  broken: "the worker sent a message that does not decode",
};

/** A stream on which the worker has said hello, with the hub's slot ledger. */
export class Session {
  readonly stream: WorkStream;
  readonly hello: Hello;
  /** The maximum credit that the worker can have. */
  readonly maxSlots: number;
  /** The worker's slots: the credit that it gave at the start. */
  slots = 0;
  readonly #port: SessionPort;
  readonly #jobs = new Set<number>();

  constructor(port: SessionPort, stream: WorkStream, hello: Hello, maxSlots: number) {
    this.#port = port;
    this.stream = stream;
    this.hello = hello;
    this.maxSlots = maxSlots;
  }

  /** The methods that the worker serves. */
  get methods(): string[] {
    const names = this.hello.methods.map(({ name }) => name);
    return names.length > 0 ? names : [""];
  }

  /**
   * The credit that was given and not yet used; may exceed `maxSlots`, unlike a real hub's count.
   */
  get credit(): number {
    const given = this.stream.received.map((event) =>
      event.case === "ready" ? event.value.slots : 0,
    );
    return given.reduce((sum, slots) => sum + slots, 0) - this.#jobs.size;
  }

  /** Terminal events for jobs that were not sent on this stream. */
  get strayTerminalEvents(): TerminalEvent[] {
    return this.#terminalEvents().filter(({ value }) => !this.#jobs.has(value.jobId));
  }

  /** Whether the stream is as good as new: every job has ended once, and all credit is back. */
  get isClean(): boolean {
    const ends = this.#terminalEvents().map(({ value }) => value.jobId);
    const once = ends.length === this.#jobs.size && ends.every((id) => this.#jobs.has(id));
    return this.stream.state === "open" && once && this.credit === this.slots;
  }

  /** Same as `Kit.waitFor`, but also fails once the stream has ended. */
  waitFor<T>(probe: () => T | undefined, expectation: Expectation, timeoutMs?: number): Promise<T> {
    const from = this.stream.received.length;
    const probeStream = (): T | undefined => {
      const found = probe();
      if (found !== undefined || this.stream.state === "open") return found;
      const since = describeEvents(this.stream.received.slice(from));
      throw new ConformanceFailure(
        expectation,
        `${endings[this.stream.state]}; before that it had sent ${since}`,
      );
    };
    return this.#port.waitFor(probeStream, expectation, timeoutMs);
  }

  /** Waits until there is credit for `slots` jobs. */
  async awaitCredit(slots: number, expectation: Expectation): Promise<void> {
    await this.waitFor(() => (this.credit >= slots ? true : undefined), expectation);
  }

  /** Sends a job, once there is credit for it. */
  async sendJob(method: string, input: unknown, more: JobInit = {}): Promise<SentJob> {
    await this.awaitCredit(1, expecting("`ready` for another job", "6.2"));
    const { job, event } = this.prepareJob(method, input, more);
    this.stream.send(event);
    return job;
  }

  /** Creates a job for the caller to send once it has waited for credit. */
  prepareJob(
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
    return {
      job: { id, receivedBefore: this.stream.received.length },
      event: { case: "job", value },
    };
  }

  /** Returns the terminal events of a job so far. */
  terminalEvents(job: SentJob): TerminalEvent[] {
    return this.#terminalEvents().filter(({ value }) => value.jobId === job.id);
  }

  /** Waits for the first terminal event of a job. */
  awaitTerminalEvent(
    job: SentJob,
    expectation?: Expectation,
    timeoutMs?: number,
  ): Promise<TerminalEvent> {
    const usual = expecting(`one terminal event for job ${job.id}`, "7.1");
    return this.waitFor(() => this.terminalEvents(job)[0], expectation ?? usual, timeoutMs);
  }

  /** Waits for the answer to a job and decodes it; fails if the job ends any other way. */
  async awaitAnswer(job: SentJob, expectation: Expectation, timeoutMs?: number): Promise<Data> {
    const terminal = await this.awaitTerminalEvent(job, expectation, timeoutMs);
    const outcome = terminal.case === "result" ? terminal.value.outcome : undefined;
    check(
      outcome !== undefined && outcome.case !== "failure",
      expectation,
      `it was ${describeEvent(terminal)}`,
    );
    try {
      return outcome?.case === "payload" ? decodePayload(outcome.value) : null;
    } catch {
      throw new ConformanceFailure(expectation, "its payload does not decode as a `Payload`");
    }
  }

  /** Waits for the failure of a job; fails if the job ends any other way. */
  async awaitFailure(job: SentJob, expectation: Expectation): Promise<Failure> {
    const terminal = await this.awaitTerminalEvent(job, expectation);
    if (terminal.case === "result" && terminal.value.outcome.case === "failure") {
      return terminal.value.outcome.value;
    }
    throw new ConformanceFailure(expectation, `it was ${describeEvent(terminal)}`);
  }

  /** Cancels a job. */
  cancel(job: { id: number }): void {
    this.stream.send({ case: "cancel", value: { jobId: job.id, reason: "conformance" } });
  }

  /**
   * Sends a heartbeat; returns whether the worker answered it, or the stream ended, within
   * `timeoutMs`.
   */
  heartbeat(timeoutMs: number): Promise<boolean> {
    const beats = (): number =>
      this.stream.received.filter(({ case: kind }) => kind === "heartbeat").length;
    const before = beats();
    this.stream.send({ case: "heartbeat", value: {} });
    return this.#port.waitUntil(() => beats() > before || this.stream.state !== "open", timeoutMs);
  }

  /**
   * Waits until the worker has reacted to everything sent so far: only after that does it answer a
   * heartbeat. A worker that does not answer gets `FENCE_MS`.
   */
  async fence(): Promise<void> {
    await this.heartbeat(FENCE_MS);
  }

  /**
   * Waits for the `result` of a job, an answer or a failure; fails if the job ends with a `nack`.
   */
  async awaitResult(job: SentJob, expectation: Expectation, timeoutMs?: number): Promise<void> {
    const terminal = await this.awaitTerminalEvent(job, expectation, timeoutMs);
    check(terminal.case === "result", expectation, `it was ${describeEvent(terminal)}`);
  }

  /** Sends one more job and waits for its result; if there is none, fails with `expectation`. */
  async expectServing(method: string, expectation: Expectation): Promise<void> {
    await this.awaitResult(await this.sendJob(method, null), expectation);
  }

  #terminalEvents(): TerminalEvent[] {
    return this.stream.received.filter(
      (event): event is TerminalEvent => event.case === "result" || event.case === "nack",
    );
  }
}
