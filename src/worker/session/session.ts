import { GibbsError } from "../../base/errors/error.js";
import { Flusher } from "../../base/flusher.js";
import { checkTransition, type Transitions } from "../../base/transition.js";
import { MAX_BATCH_BYTES } from "../../wire/messages/batch.js";
import {
  type HubEvent,
  type Job,
  type Welcome,
  WireExecution,
  type WorkerEventInit,
} from "../../wire/messages/work.js";
import { type JobOutcome, tooLarge } from "../executor.js";
import { toTerminalEvent } from "./job-events.js";
import { type JobsListener, type JobsPort, SessionJobs } from "./session-jobs.js";
import { SilenceWatch } from "./silence.js";

/** How a session ended, and what should follow it. */
export interface SessionEnd {
  /** Why the stream broke; undefined after a clean end. */
  error: GibbsError | undefined;
  /** Whether the hub had welcomed the worker. */
  welcomed: boolean;
  /** What the hub asked for when it drained, if it did. */
  next: { kind: "reconnect"; afterMs: number } | { kind: "exit" } | undefined;
}

/** What a session requires from its owner. */
export interface SessionPort extends JobsPort {
  /** Writes events, after those of earlier calls. */
  send(events: readonly WorkerEventInit[]): void;
  /** Must cancel the stream, because the hub has fallen silent or broken the protocol. */
  giveUp(why: string): void;
  onWelcome(): void;
  /** Called when the hub drains, unless it asks the worker to exit; it will accept no new stream. */
  onHubDrain(afterMs: number): void;
}

/** The state of a session, with its data. */
type SessionState =
  | ({ kind: "opening" | "serving" } & Listening)
  | ({ kind: "draining"; next: SessionEnd["next"] } & Listening)
  | { kind: "abandoned" | "ended"; end: SessionEnd };

/** What a session holds while it listens to the hub. */
interface Listening {
  silence: SilenceWatch;
  /** The largest payload that the hub accepts, in bytes; infinite until the hub's welcome. */
  maxPayloadBytes: number;
}

const transitions: Transitions<SessionState["kind"]> = {
  opening: ["serving", "abandoned", "ended"],
  serving: ["draining", "abandoned", "ended"],
  draining: ["abandoned", "ended"],
  abandoned: ["ended"],
  ended: [],
};

/**
 * One stream to the hub, from hello to its end: credit goes up, jobs come down, and each job gets one
 * terminal event. Independent of gRPC.
 *
 * | from | event | to |
 * |---|---|---|
 * | opening | welcome | serving |
 * | serving | drain, from either side | draining: accepts no jobs; held ones go back |
 * | opening, serving, draining | the hub is silent for too long | abandoned: the stream is cancelled |
 * | opening | drain from the hub, which breaks the protocol | abandoned |
 * | any but ended | end of the stream | ended: running jobs are cancelled, their outcomes dropped |
 *
 * The hub may use the credit that was sent with hello even before its welcome.
 */
export class WorkerSession implements JobsListener {
  readonly #port: SessionPort;
  readonly #jobs: SessionJobs;
  /** Credit that the hub has not used yet. */
  #credit = 0;
  #state: SessionState;
  #outbox: WorkerEventInit[] = [];
  readonly #flusher: Flusher;

  /** Says hello, and grants credit for the free slots. */
  constructor(port: SessionPort, hello: WorkerEventInit, connectTimeoutMs: number) {
    this.#port = port;
    this.#jobs = new SessionJobs(port, this);
    this.#flusher = new Flusher(port.clock, () => this.#flush());
    this.#state = {
      kind: "opening",
      silence: this.#listen(connectTimeoutMs),
      maxPayloadBytes: Number.POSITIVE_INFINITY,
    };
    this.#push(hello);
    this.offerSlots();
  }

  /** Whether the hub has welcomed the worker. */
  get isWelcomed(): boolean {
    const state = this.#state;
    return "end" in state ? state.end.welcomed : state.kind !== "opening";
  }

  /** How the session ended; undefined until then. */
  get end(): SessionEnd | undefined {
    return this.#state.kind === "ended" ? this.#state.end : undefined;
  }

  /** Handles events from the hub. */
  receive(events: readonly HubEvent[]): void {
    if ("end" in this.#state) return;
    this.#state.silence.heard();
    for (const { event } of events) {
      switch (event.case) {
        case "welcome":
          this.#onWelcome(event.value);
          break;
        case "job":
          this.#onJob(event.value);
          break;
        case "cancel":
          this.#jobs.cancel(event.value.jobId, event.value.reason);
          break;
        case "heartbeat":
          this.#push({ case: "heartbeat", value: {} });
          break;
        case "drain":
          this.#onDrain(
            event.value.next.case === "exit"
              ? { kind: "exit" }
              : { kind: "reconnect", afterMs: event.value.next.value ?? 0 },
          );
          break;
        case undefined:
          break;
      }
    }
  }

  /**
   * Reacts to slots that became free or were taken: starts held jobs, or grants credit for the free
   * slots.
   */
  offerSlots(): void {
    if ("end" in this.#state) return;
    this.#jobs.startHeld();
    const more = this.#port.freeSlots() - this.#credit;
    if (!this.#isTaking || more <= 0) return;
    this.#credit += more;
    this.#push({ case: "ready", value: { slots: more } });
  }

  /**
   * Asks the hub to send no more jobs; the hub ends the stream once all jobs have ended.
   *
   * @throws GibbsError INTERNAL / INTERNAL before the welcome: a hub that has not responded to
   * hello would not end the stream.
   */
  drain(reason: string): void {
    const state = this.#state;
    if (state.kind === "draining" || "end" in state) return;
    this.#transition({ ...state, kind: "draining", next: undefined });
    this.#push({ case: "drain", value: { reason } });
    this.#stopTaking(reason);
  }

  /**
   * Ends the session because the stream has ended: cancels running jobs and drops their outcomes.
   *
   * @throws GibbsError INTERNAL / INTERNAL if it had already ended.
   */
  ended(error: GibbsError | undefined): SessionEnd {
    const state = this.#state;
    const end = state.kind === "abandoned" ? state.end : this.#endBy(error);
    this.#transition({ kind: "ended", end });
    this.#jobs.orphan();
    return end;
  }

  /** Whether the hub may still send jobs. */
  get #isTaking(): boolean {
    return this.#state.kind === "opening" || this.#state.kind === "serving";
  }

  #onWelcome({ hubTimeoutMs, maxPayloadBytes, cancelGraceMs }: Welcome): void {
    if (this.#state.kind !== "opening") return;
    this.#transition({ kind: "serving", silence: this.#listen(hubTimeoutMs), maxPayloadBytes });
    this.#port.executor.limitGrace?.(cancelGraceMs);
    this.#port.onWelcome();
  }

  #onDrain(next: SessionEnd["next"]): void {
    const state = this.#state;
    if (state.kind === "opening") {
      return this.#abandon("the hub drained before it welcomed the worker");
    }
    if (state.kind === "draining") state.next = next;
    if (state.kind !== "serving") return;
    this.#transition({ ...state, kind: "draining", next });
    this.#stopTaking("the hub is draining");
    if (next?.kind === "reconnect") this.#port.onHubDrain(next.afterMs);
  }

  #onJob(job: Job): void {
    this.#credit = Math.max(0, this.#credit - 1);
    if (this.#isTaking) this.#jobs.accept(job);
    else this.onGivenBack(job.jobId, "the worker is draining");
  }

  onOutcome(jobId: number, outcome: JobOutcome): void {
    if ("end" in this.#state) return;
    this.#pushOutcome(jobId, fitted(outcome, this.#state.maxPayloadBytes));
  }

  onGivenBack(jobId: number, reason: string): void {
    this.#push({ case: "nack", value: { jobId, execution: WireExecution.NOT_STARTED, reason } });
    this.offerSlots();
  }

  #pushOutcome(jobId: number, outcome: JobOutcome): void {
    if (outcome.kind === "payload" && outcome.payload.length >= MAX_BATCH_BYTES) {
      // Sent ahead of the result, in a separate write, so that on a slow link the hub does not
      // mistake the transfer time for silence.
      const pendingBytes = outcome.payload.length;
      this.#port.send([{ case: "heartbeat", value: { pendingBytes } }]);
    }
    this.#push(toTerminalEvent(jobId, outcome));
  }

  #stopTaking(reason: string): void {
    this.#credit = 0;
    this.#jobs.giveBackHeld(reason);
  }

  /** Queues an event; all events queued in the same turn share a write. */
  #push(event: WorkerEventInit): void {
    this.#outbox.push(event);
    this.#flusher.soon();
  }

  #flush(): void {
    const events = this.#outbox;
    this.#outbox = [];
    if (!("end" in this.#state)) this.#port.send(events);
  }

  #listen(patienceMs: number): SilenceWatch {
    return new SilenceWatch(this.#port.clock, patienceMs, (why) => this.#abandon(why));
  }

  #abandon(why: string): void {
    this.#transition({ kind: "abandoned", end: this.#endBy(new GibbsError("UNAVAILABLE", why)) });
    this.#port.giveUp(why);
  }

  #endBy(error: GibbsError | undefined): SessionEnd {
    const next = this.#state.kind === "draining" ? this.#state.next : undefined;
    return { error, welcomed: this.isWelcomed, next };
  }

  #transition(next: SessionState): void {
    const state = this.#state;
    checkTransition("a worker's session", transitions, state.kind, next.kind);
    const isWatched = "silence" in state && "silence" in next && state.silence === next.silence;
    if ("silence" in state && !isWatched) state.silence.stop();
    this.#state = next;
  }
}

/** Returns the outcome, or a failure if it is larger than the `maxBytes` that the hub accepts. */
function fitted(outcome: JobOutcome, maxBytes: number): JobOutcome {
  if (outcome.kind !== "payload" || outcome.payload.length <= maxBytes) return outcome;
  return tooLarge(outcome.payload.length, maxBytes);
}
