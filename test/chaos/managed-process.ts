import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { sdkPython } from "./python.js";

const firstWord = new URL("./processes/first-word.js", import.meta.url).href;

/** All running processes: none may outlive the program. */
const running = new Set<ManagedProcess>();

/** A message from one of our processes. */
export type Message = { kind: string } & Record<string, unknown>;

/** A process that faults can hit. Its stderr goes to a file in the run's directory. */
export class ManagedProcess {
  /**
   * Resolves when the process first says that it is ready: with that message, or on a line of
   * stdout. Rejects if the process ends before that.
   */
  readonly ready: Promise<Message>;
  /**
   * Resolves at the first message. From then on the process either handles SIGTERM, or is ready and
   * never will handle it. Also resolves if the process ends first.
   */
  readonly listening: Promise<void>;
  /** Resolves when the process has ended, with its exit code or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  readonly #process: ChildProcess;
  readonly #name: string;
  readonly #log: string;
  #end: number | NodeJS.Signals | undefined;
  #killed = false;
  #isListening = false;

  /** Starts `command`, which has Node's channel for messages. */
  constructor(
    folder: string,
    name: string,
    [command, ...args]: readonly [string, ...string[]],
    env: Record<string, string> = {},
  ) {
    this.#name = name;
    this.#log = join(folder, `${name}.log`);
    const log = openSync(this.#log, "a");
    this.#process = spawn(command, args, {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", log, "ipc"],
    });
    closeSync(log);
    running.add(this);
    this.ended = once(this.#process, "exit").then(([code, signal]) => {
      this.#end = (code ?? signal) as number | NodeJS.Signals;
      running.delete(this);
      return this.#end;
    });
    this.listening = new Promise((resolve) => {
      const listens = (): void => {
        this.#isListening = true;
        resolve();
      };
      this.onMessage("handles SIGTERM", listens);
      this.onMessage("ready", listens);
      this.#process.once("exit", listens);
    });
    this.ready = Promise.race([this.#saysReady(), this.#fails()]);
    // Only code that awaits `ready` should see its rejection.
    this.ready.catch(() => {});
  }

  /** Starts Node with `args`. */
  static node(
    folder: string,
    name: string,
    args: readonly string[],
    env: Record<string, string> = {},
  ): ManagedProcess {
    const command = [process.execPath, "--import", firstWord, ...args] as const;
    return new ManagedProcess(folder, name, command, env);
  }

  /** Starts one of `processes/` with its settings. */
  static own(folder: string, name: string, program: string, settings: object): ManagedProcess {
    const path = pathTo(`${program}.ts`);
    return ManagedProcess.node(folder, name, ["--import", "tsx", path, JSON.stringify(settings)]);
  }

  /** Starts one of those in Python. */
  static python(folder: string, name: string, program: string, settings: object): ManagedProcess {
    const path = pathTo(`${program}.py`);
    return new ManagedProcess(folder, name, [sdkPython, path, JSON.stringify(settings)]);
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** How the process ended, if it failed without being killed. */
  get failure(): string | undefined {
    if (this.#end === undefined || this.#end === 0 || this.#killed) return undefined;
    return `${this.#name}: ${this.#end}`;
  }

  /** Calls `listener` with each message of that kind. */
  onMessage(kind: string, listener: (message: Message) => void): void {
    this.#process.on("message", (message: Message) => {
      if (message.kind === kind) listener(message);
    });
  }

  tell(message: object): void {
    if (this.#process.connected) this.#process.send(message);
  }

  /**
   * Sends `signal` to the process.
   *
   * @throws Error for a SIGTERM before the process is {@link listening}, which would make it end as
   * if it had failed.
   */
  signal(signal: "SIGTERM" | "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
    if (signal === "SIGTERM" && !this.#isListening) {
      throw new Error(`${this.#name} does not handle SIGTERM yet`);
    }
    if (signal === "SIGKILL" && this.#end === undefined) this.#killed = true;
    this.#process.kill(signal);
  }

  /** Kills the process at once, even if it is stopped. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.ended;
  }

  /** The ids of its live child processes, by whichever thread they were started. */
  children(): number[] {
    const threads = readdirSync(`/proc/${this.pid}/task`);
    return threads.flatMap((thread) => {
      const list = readFileSync(`/proc/${this.pid}/task/${thread}/children`, "utf8");
      return list.split(" ").filter(Boolean).map(Number);
    });
  }

  /** Its current resident memory, in MiB. */
  residentMiB(): number {
    const [kib] = /(?<=VmRSS:\s+)\d+/.exec(readFileSync(`/proc/${this.pid}/status`, "utf8")) ?? [];
    return Number(kib) / 1024;
  }

  #saysReady(): Promise<Message> {
    return new Promise((resolve) => {
      this.onMessage("ready", resolve);
      this.#process.stdout?.once("data", () => resolve({ kind: "ready" }));
    });
  }

  async #fails(): Promise<never> {
    const how = await this.ended;
    const log = readFileSync(this.#log, "utf8");
    throw new Error(`the process ${this.#name} ended with ${how} before it was ready:\n${log}`);
  }
}

function pathTo(program: string): string {
  return fileURLToPath(new URL(`./processes/${program}`, import.meta.url));
}

/** Kills everything still running. */
export function killAll(): void {
  for (const one of running) one.signal("SIGKILL");
}
