import { type ChildProcess, fork } from "node:child_process";
import { onAbort } from "../../base/abort.js";
import type { Clock, Timer } from "../../base/clock.js";
import { randomId } from "../../base/random.js";
import { checkTransition, type Transitions } from "../../base/transition.js";
import type { JobInput, JobOutcome, ServedMethod } from "../executor.js";
import type { ChildSettings, FromChild, ToChild } from "./child-messages.js";

/** What a child reports to the agent that forked it. `onGone` comes once and last, after the outcome of its job. */
export interface ChildListener {
  onUp(methods: readonly ServedMethod[]): void;
  onGone(why: string, wasIdle: boolean): void;
}

/** What a child is now. Its job belongs to being busy. */
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
 * | starting | it has failed to | starting, with why: it exits by itself |
 * | idle | a job | busy |
 * | busy | the outcome | idle |
 * | any but gone | the process has ended | gone: a job's outcome is a nack |
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
    // Both: what the process sent before it died is read before the channel is
    // seen closed, and how it died is known only at its exit.
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
   * Gives an idle child a job. After `signal` fires it has `killGraceMs` until it is killed.
   *
   * @throws GibbsError INTERNAL / INTERNAL if it is not idle.
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

  /** Ends the process at once. */
  kill(): void {
    this.#process.kill("SIGKILL");
  }

  #send(message: ToChild): void {
    // A failed send means that the process is dying, which its exit tells.
    if (this.#process.connected) this.#process.send(message, () => {});
  }

  #receive(message: FromChild | null): void {
    // The handler's code can send what it likes on the same channel; it does not know the token.
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
