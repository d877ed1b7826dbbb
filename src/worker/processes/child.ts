import { type ChildProcess, fork } from "node:child_process";
import { onAbort } from "../../base/abort.js";
import type { Clock, Timer } from "../../base/clock.js";
import { randomId } from "../../base/random.js";
import { checkTransition, type Transitions } from "../../base/transition.js";
import type { JobInput, JobOutcome, ServedMethod } from "../executor.js";
import type { ChildSettings, FromChild, ToChild } from "./child-messages.js";

/**
 * Receives a child's events. `onGone` is called exactly once, after everything else, including the
 * outcome of the child's job.
 */
export interface ChildListener {
  onUp(methods: readonly ServedMethod[]): void;
  onGone(why: string, wasIdle: boolean): void;
}

/** A child's state. The job is part of the busy state. */
type ChildState =
  | { kind: "starting"; failure: string | undefined }
  | { kind: "idle" }
  | { kind: "busy"; done: (outcome: JobOutcome) => void; kill: Timer | undefined; release(): void }
  | { kind: "gone" };

const transitions: Transitions<ChildState["kind"]> = {
  starting: ["idle", "gone"],
  idle: ["busy", "gone"],
  busy: ["idle", "gone"],
  gone: [],
};

/**
 * One worker process.
 *
 * | from | event | to |
 * |---|---|---|
 * | starting | it has loaded the model | idle |
 * | starting | it failed to load the model | starting, with the reason: it exits by itself |
 * | idle | a job | busy |
 * | busy | the outcome | idle |
 * | any but gone | the process has ended | gone: a running job is nacked |
 */
export class Child {
  readonly #process: ChildProcess;
  readonly #clock: Clock;
  readonly #listener: ChildListener;
  readonly #token = randomId();
  #state: ChildState = { kind: "starting", failure: undefined };

  constructor(
    settings: ChildSettings,
    execArgv: readonly string[],
    clock: Clock,
    listener: ChildListener,
  ) {
    this.#clock = clock;
    this.#listener = listener;
    this.#process = fork(new URL("./child-main.js", import.meta.url), {
      execArgv: [...execArgv],
      serialization: "advanced",
      // The last one is the lifeline: nothing is ever written to it.
      stdio: ["ignore", "inherit", "inherit", "ipc", "pipe"],
    });
    this.#process.on("message", (message: FromChild | null) => this.#receive(message));
    this.#process.on("error", (error) => this.#vanish(`it could not be started: ${error.message}`));
    // Wait for both: all messages sent before the process died are read before "disconnect", but
    // only "exit" says how it died.
    let remaining = 2;
    const gone = (): void => {
      remaining -= 1;
      if (remaining === 0) this.#vanish(this.#howItDied());
    };
    this.#process.once("exit", gone);
    this.#process.once("disconnect", gone);
    this.#send({ kind: "start", settings, token: this.#token });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get idle(): boolean {
    return this.#state.kind === "idle";
  }

  /**
   * Gives an idle child a job. Once `signal` fires, the job has `killGraceMs` to end before the
   * process is killed.
   *
   * @throws GibbsError INTERNAL / INTERNAL if the child is not idle.
   */
  run(
    job: JobInput,
    signal: AbortSignal,
    killGraceMs: number,
    done: (outcome: JobOutcome) => void,
  ): void {
    const cancel = (): void => {
      if (this.#state.kind !== "busy") return;
      this.#send({ kind: "cancel", reason: String(signal.reason?.message ?? signal.reason) });
      this.#state.kill = this.#clock.setTimer(killGraceMs, () => this.kill());
    };
    const busy = { kind: "busy" as const, done, kill: undefined, release: () => {} };
    this.#transition(busy);
    this.#send({ kind: "job", job });
    busy.release = onAbort(signal, cancel);
  }

  /** Kills the process immediately. */
  kill(): void {
    this.#process.kill("SIGKILL");
  }

  #send(message: ToChild): void {
    // A failed send means that the process is dying, which its exit will report.
    if (this.#process.connected) this.#process.send(message, () => {});
  }

  #receive(message: FromChild | null): void {
    // Handler code can send anything on the same channel, but does not know the token.
    if (message?.token !== this.#token) return;
    switch (message.kind) {
      case "up":
        if (this.#state.kind !== "starting") break;
        this.#transition({ kind: "idle" });
        this.#listener.onUp(message.methods);
        break;
      case "failed":
        if (this.#state.kind !== "starting") break;
        this.#state.failure = message.stack || message.message;
        break;
      case "outcome":
        if (this.#state.kind === "busy") this.#finish(message.outcome, { kind: "idle" });
        break;
    }
  }

  #vanish(why: string): void {
    if (this.#state.kind === "gone") return;
    const wasIdle = this.idle;
    this.#finish({ kind: "nack", execution: "UNKNOWN", reason: why }, { kind: "gone" });
    this.#listener.onGone(why, wasIdle);
  }

  #finish(outcome: JobOutcome, next: ChildState): void {
    const state = this.#state;
    this.#transition(next);
    if (state.kind === "busy") state.done(outcome);
  }

  #transition(next: ChildState): void {
    const state = this.#state;
    checkTransition("a worker process", transitions, state.kind, next.kind);
    if (state.kind === "busy") {
      state.kill?.cancel();
      state.release();
    }
    this.#state = next;
  }

  #howItDied(): string {
    const state = this.#state;
    if (state.kind === "starting" && state.failure !== undefined) return state.failure;
    const { pid, exitCode, signalCode } = this.#process;
    const how =
      signalCode === null ? `exited with code ${exitCode}` : `was killed by ${signalCode}`;
    return `worker process ${pid} ${how}`;
  }
}
