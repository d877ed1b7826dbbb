import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const firstWord = new URL("./processes/first-word.js", import.meta.url).href;

/** All that runs now: nothing of it may outlive the program. */
const running = new Set<ManagedProcess>();

/** What a process of ours tells. */
export type Message = { kind: string } & Record<string, unknown>;

/** A process that can be hit. Its stderr goes to a file of the run. */
export class ManagedProcess {
  /**
   * Resolves when it says for the first time that it is ready: with a message of
   * that kind, or with a line on stdout. Rejects if it ends before.
   */
  readonly ready: Promise<Message>;
  /**
   * Resolves at its first word: it handles SIGTERM from here on, or it is ready and
   * never will. Also resolves if it ends before.
   */
  readonly listening: Promise<void>;
  /** Resolves when it has ended: with its code, or with the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  readonly #process: ChildProcess;
  readonly #name: string;
  readonly #log: string;
  #end: number | NodeJS.Signals | undefined;
  #killed = false;
  #isListening = false;

  /** Starts Node with `args`. */
  constructor(
    folder: string,
    name: string,
    args: readonly string[],
    env: Record<string, string> = {},
  ) {
    this.#name = name;
    this.#log = join(folder, `${name}.log`);
    const log = openSync(this.#log, "a");
    this.#process = spawn(process.execPath, ["--import", firstWord, ...args], {
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
    // Only who waits for it is to hear of it.
    this.ready.catch(() => {});
  }

  /** Starts one of `processes/`, with what it is told. */
  static own(folder: string, name: string, program: string, settings: object): ManagedProcess {
    const path = fileURLToPath(new URL(`./processes/${program}.ts`, import.meta.url));
    return new ManagedProcess(folder, name, ["--import", "tsx", path, JSON.stringify(settings)]);
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** How it ended, if it did not end well and was not killed. */
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
   * Hits it with `signal`.
   *
   * @throws Error for a SIGTERM before it is {@link listening}: it would end as if it had failed.
   */
  signal(signal: "SIGTERM" | "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
    if (signal === "SIGTERM" && !this.#isListening) {
      throw new Error(`${this.#name} does not handle SIGTERM yet`);
    }
    if (signal === "SIGKILL" && this.#end === undefined) this.#killed = true;
    this.#process.kill(signal);
  }

  /** Ends it at once, also when it stands still. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.ended;
  }

  /** The ids of the processes that it has started and that live. */
  children(): number[] {
    const list = readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, "utf8");
    return list.split(" ").filter(Boolean).map(Number);
  }

  /** The memory that it uses now, in MiB. */
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
    throw new Error(`the process ${this.#name} ended with ${how}:\n${log}`);
  }
}

/** Kills whatever still runs. */
export function killAll(): void {
  for (const one of running) one.signal("SIGKILL");
}
