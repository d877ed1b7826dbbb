import type { HubEvent, WorkerEvent } from "../../../src/wire/messages/work.js";
import type { JobInput } from "../../../src/worker/executor.js";
import { workerFixed } from "../../../src/worker/options.js";
import type { SimProcess } from "../machine/process.js";
import type { Fail } from "./books.js";

/** A job that a worker was given. */
interface GivenJob {
  requestId: string;
  attempt: number;
  state: "held" | "running" | "finished";
  receivedAt: number;
  timeoutMs: number;
  isCancelled: boolean;
  signal: AbortSignal | undefined;
}

/**
 * Watches one session of an honest worker, and checks that it keeps the worker's side of
 * docs/protocol.md.
 */
export class WorkerOracle {
  readonly #process: SimProcess;
  readonly #fail: Fail;
  readonly #freeSlots: () => number;
  readonly #jobs = new Map<number, GivenJob>();
  #credit = 0;
  #drainingSince = Number.POSITIVE_INFINITY;
  #isOver = false;
  /** Number of the hub's heartbeats that have not been answered. */
  #asked = 0;
  #heardAt: number;
  /** How long the worker has been stalled since it last heard from the hub. */
  #stalledMs = 0;
  #patienceMs: number;
  #lookAt = 0;

  /** `patienceMs`: how long the worker waits for the hub's welcome. */
  constructor(process: SimProcess, fail: Fail, freeSlots: () => number, patienceMs: number) {
    this.#process = process;
    this.#patienceMs = patienceMs;
    this.#heardAt = process.now();
    this.#lookSoon(this.#heardAt + patienceMs);
    this.#fail = fail;
    this.#freeSlots = freeSlots;
  }

  /** Called before the worker reads the hub's events. */
  heard(events: readonly HubEvent[]): void {
    const now = this.#now;
    this.#heardAt = now;
    this.#stalledMs = 0;
    for (const { event } of events) {
      if (event.case === "welcome") this.#patienceMs = event.value.hubTimeoutMs;
      if (event.case === "heartbeat") this.#asked += 1;
      if (event.case === "job") {
        const { jobId, requestId, attempt, timeoutMs = Number.POSITIVE_INFINITY } = event.value;
        this.#credit = Math.max(0, this.#credit - 1);
        this.#jobs.set(jobId, {
          requestId,
          attempt,
          state: "held",
          receivedAt: now,
          timeoutMs,
          isCancelled: false,
          signal: undefined,
        });
        this.#lookSoon(now + workerFixed.holdMs);
        if (timeoutMs < workerFixed.holdMs * 100) this.#lookSoon(now + timeoutMs);
      }
      if (event.case === "cancel") {
        const job = this.#jobs.get(event.value.jobId);
        if (job !== undefined) job.isCancelled = true;
      }
    }
    this.#lookSoon(now);
    this.#lookSoon(now + this.#patienceMs);
  }

  /** Called when the worker was stalled: it need not count the time in which it did not read. */
  stalled(stalledMs: number): void {
    this.#stalledMs += stalledMs;
    this.#lookSoon(this.#heardAt + this.#stalledMs + this.#patienceMs);
  }

  /** Credit that was sent and has not been used. */
  get credit(): number {
    return this.#isOver ? 0 : this.#credit;
  }

  /** The number of jobs that were received and have no terminal event yet. */
  get jobs(): number {
    return this.#jobs.size;
  }

  /** Whether this session has a job. */
  has({ requestId, attempt }: JobInput): boolean {
    return this.#find(requestId, attempt) !== undefined;
  }

  /**
   * Called when the worker gives up on the hub, or is leaving in a hurry: its session is as good as
   * ended.
   */
  gaveUp(isLeaving: boolean): void {
    this.#isOver = true;
    if (isLeaving) return;
    const silentMs = this.#now - this.#heardAt;
    if (silentMs >= this.#patienceMs) return;
    this.#fail("patience", `the hub was silent for ${silentMs} ms`);
  }

  /** Called when the worker has read that the hub is draining, or is itself draining. */
  draining(): void {
    this.#drainingSince = Math.min(this.#drainingSince, this.#now);
    this.#credit = 0;
  }

  /** Called when the worker sends events. */
  sent(events: readonly WorkerEvent["event"][]): void {
    for (const event of events) {
      if (event.case === "heartbeat" && !event.value.pendingBytes) this.#asked -= 1;
      if (event.case === "result" || event.case === "nack") {
        const { jobId } = event.value;
        const isFirst = this.#jobs.delete(jobId);
        if (!isFirst) this.#fail("one terminal event", `a second one for ${jobId}`);
      }
      if (event.case === "ready") {
        this.#credit += event.value.slots;
        const free = this.#freeSlots();
        // Events of the same turn go out in one message.
        if (this.#credit > free || this.#drainingSince < this.#now) {
          this.#fail("ready means free", `${this.#credit} slots were offered, ${free} are free`);
        }
      }
    }
  }

  /** Called when a job gets a slot. */
  began({ requestId, attempt }: JobInput, signal: AbortSignal): void {
    const job = this.#find(requestId, attempt);
    if (job?.state !== "held") return this.#fail("starts what it holds", `${requestId} started`);
    if (this.#isDraining) this.#fail("a drained worker starts nothing", `${requestId} started`);
    job.state = "running";
    job.signal = signal;
  }

  /** Called when a job has ended and its outcome was given to the session. */
  finished({ requestId, attempt }: JobInput): void {
    const job = this.#find(requestId, attempt);
    if (job?.state !== "running") return;
    job.state = "finished";
    this.#lookSoon(this.#now);
  }

  /** Called when the session has ended. */
  over(): void {
    this.#isOver = true;
    for (const { signal, requestId, state } of this.#jobs.values()) {
      if (state !== "running" || signal?.aborted === true) continue;
      this.#fail("orphans are told", `${requestId} runs on`);
    }
  }

  get #isDraining(): boolean {
    return this.#drainingSince <= this.#now;
  }

  get #now(): number {
    return this.#process.now();
  }

  #find(requestId: string, attempt: number): GivenJob | undefined {
    for (const job of this.#jobs.values()) {
      if (job.requestId === requestId && job.attempt === attempt) return job;
    }
    return undefined;
  }

  #lookSoon(at: number): void {
    if (at === this.#now && this.#lookAt === at) return;
    if (at === this.#now) this.#lookAt = at;
    this.#process.inspect(at, () => {
      if (this.#isOver) return;
      for (const [jobId, job] of this.#jobs) this.#look(jobId, job);
      if (this.#asked > 0) this.#fail("a heartbeat is answered", `${this.#asked} were not`);
      const silentMs = this.#now - this.#heardAt;
      if (silentMs - this.#stalledMs >= this.#patienceMs) {
        this.#fail("a silent hub is abandoned", `the hub has been silent for ${silentMs} ms`);
      }
    });
  }

  #look(jobId: number, job: GivenJob): void {
    const heldMs = this.#now - job.receivedAt;
    const what = `job ${jobId} (${job.requestId}), held for ${heldMs} ms`;
    if (job.state === "finished")
      this.#fail("every job gets a terminal event", `${what}, has ended`);
    const isOver = job.isCancelled || heldMs >= job.timeoutMs;
    const mustGoBack = isOver || heldMs >= workerFixed.holdMs || this.#isDraining;
    if (job.state === "held" && mustGoBack) {
      this.#fail("a held job is given back", `${what}, waits for a slot`);
    }
    if (job.state === "running" && isOver && job.signal?.aborted === false) {
      this.#fail("the handler is told", `${what}, knows nothing of its cancel or timeout`);
    }
  }
}
