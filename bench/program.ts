import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { delay, systemClock } from "#dist/base/clock.js";
import { nodeProgram, pythonProgram, root } from "./paths.js";

/** How long a program may take to exit before it is killed. */
const STOP_PATIENCE_MS = 5000;

/** An unsolicited event from a program, with its time on the shared clock. */
export interface ProgramEvent {
  event: string;
  id: number;
  /** See `monotonicMs`. */
  at: number;
}

/** A line printed by a program. */
type Line = { ready: unknown } | { answer: unknown } | { error: string } | ProgramEvent;

type Waiting = { resolve(value: unknown): void; reject(error: Error): void };

/**
 * A process that takes commands and answers them one at a time, as JSON lines on stdin and stdout
 * (see `peers/serve.ts`). It exits when its stdin closes, so that none outlives the benchmark.
 */
export class Program {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #onEvent: (event: ProgramEvent) => void;
  readonly #exited: Promise<unknown>;
  #waiting: Waiting | undefined;

  constructor(
    name: string,
    child: ChildProcess,
    onEvent: (event: ProgramEvent) => void = () => {},
  ) {
    this.#name = name;
    this.#child = child;
    this.#onEvent = onEvent;
    this.#exited = once(child, "exit");
    // Writes to a program that has just died are lost anyway.
    child.stdin?.on("error", () => {});
    createInterface({ input: child.stdout as Readable }).on("line", (line) => this.#hear(line));
    child.once("exit", (code, signal) => {
      this.#waiting?.reject(new Error(`${name} ended with ${code ?? signal}`));
    });
  }

  /** What the program reported when it became ready. */
  ready<T>(): Promise<T> {
    return this.#next<T>();
  }

  /** Sends a command; resolves with the answer. */
  ask<T>(command: string, args: object = {}): Promise<T> {
    const answer = this.#next<T>();
    (this.#child.stdin as Writable).write(`${JSON.stringify({ command, args })}\n`);
    return answer;
  }

  /** Kills it immediately (SIGKILL). */
  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** Lets it exit, and kills it if it does not. */
  async stop(): Promise<void> {
    this.#child.stdin?.end();
    const patience = new AbortController();
    const tooLong = delay(systemClock, STOP_PATIENCE_MS, patience.signal).then(() => {
      if (!patience.signal.aborted) this.kill();
    });
    await Promise.race([this.#exited, tooLong]);
    patience.abort();
    await this.#exited;
  }

  #next<T>(): Promise<T> {
    return new Promise((resolve, reject) => {
      const { exitCode, signalCode } = this.#child;
      if (exitCode !== null || signalCode !== null)
        return reject(new Error(`${this.#name} has ended`));
      this.#waiting = { resolve: resolve as (value: unknown) => void, reject };
    });
  }

  #hear(text: string): void {
    const line = JSON.parse(text) as Line;
    if ("event" in line) return this.#onEvent(line);
    if ("ready" in line) this.#waiting?.resolve(line.ready);
    else if ("answer" in line) this.#waiting?.resolve(line.answer);
    else this.#waiting?.reject(new Error(`${this.#name}: ${line.error}`));
    this.#waiting = undefined;
  }
}

/** The programs of one benchmark, tracked so that all of them are stopped. */
export class Programs {
  /** @param checkout the checkout whose build runs; by default this one. */
  constructor(readonly checkout?: string) {}

  readonly #stops = new Set<() => Promise<void>>();
  readonly #children = new Set<ChildProcess>();

  /** Starts `bench/peers/<name>.ts` and waits until it is ready. */
  async node<Ready>(
    name: string,
    options: object = {},
    more: {
      onEvent?: ((event: ProgramEvent) => void) | undefined;
      /** Node options. */
      execArgv?: readonly string[];
    } = {},
  ): Promise<{ program: Program; ready: Ready }> {
    const { onEvent, execArgv = [] } = more;
    const args = [
      "--expose-gc",
      ...execArgv,
      nodeProgram(name, this.checkout),
      JSON.stringify(options),
    ];
    return this.#start(process.execPath, args, name, onEvent);
  }

  /** Starts `bench/peers/<name>.py` and waits until it is ready. */
  async python<Ready>(
    interpreter: string,
    name: string,
    options: object = {},
    onEvent?: (event: ProgramEvent) => void,
  ): Promise<{ program: Program; ready: Ready }> {
    // The SDK of this checkout, not the copy that setup.sh installed with its dependencies.
    const env = { ...process.env, PYTHONPATH: join(root, "sdk/python") };
    const args = [pythonProgram(name), JSON.stringify(options)];
    return this.#start(interpreter, args, name, onEvent, env);
  }

  /** Starts a server that does not speak JSON; returns the match of `ready` in its stderr. */
  async server(command: string, args: readonly string[], ready: RegExp): Promise<RegExpExecArray> {
    const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
    this.#children.add(child);
    const exited = once(child, "exit");
    this.#stops.add(async () => {
      child.kill("SIGTERM");
      await exited;
    });
    let said = "";
    for await (const chunk of child.stderr as AsyncIterable<Buffer>) {
      said += chunk.toString();
      const match = ready.exec(said);
      if (match === null) continue;
      child.stderr?.resume();
      return match;
    }
    throw new Error(`${command} ended: ${said}`);
  }

  /** Stops all of them, the most recently started first. */
  async stopAll(): Promise<void> {
    for (const stop of [...this.#stops].reverse()) await stop();
    this.#stops.clear();
    this.#children.clear();
  }

  /** Kills all of them immediately, in case this process exits first. */
  killAll(): void {
    for (const child of this.#children) child.kill("SIGKILL");
  }

  async #start<Ready>(
    command: string,
    args: readonly string[],
    name: string,
    onEvent?: (event: ProgramEvent) => void,
    env: NodeJS.ProcessEnv = process.env,
  ): Promise<{ program: Program; ready: Ready }> {
    const child = spawn(command, args, { env, stdio: ["pipe", "pipe", "inherit"] });
    const program = new Program(name, child, onEvent);
    this.#children.add(child);
    this.#stops.add(() => program.stop());
    return { program, ready: await program.ready<Ready>() };
  }
}
