import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { root } from "../support/root.js";

/** All running processes: none may outlive the program. */
const running = new Set<Process>();

/** A process of a run: its stdout is read line by line, its stderr goes to a file. */
export class Process {
  readonly name: string;
  /** Resolves when it has ended, with its exit code or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** The file with its stderr. */
  readonly log: string;
  /** Whether it has printed a line, and whether it has ended. */
  isStarted = false;
  isOver = false;
  readonly #child: ChildProcess;
  readonly #listeners = new Set<() => void>();

  constructor(
    name: string,
    command: readonly string[],
    folder: string,
    env: Record<string, string>,
    onLine: (line: string) => void,
  ) {
    this.name = name;
    this.log = join(folder, `${name.replaceAll(" ", "-")}.log`);
    const log = openSync(this.log, "a");
    const [file = "", ...args] = command;
    this.#child = spawn(file, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ["pipe", "pipe", log],
    });
    closeSync(log);
    this.#child.stdin?.on("error", () => {});
    running.add(this);
    const lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream });
    lines.on("line", (line) => {
      this.isStarted = true;
      onLine(line);
      this.#changed();
    });
    this.ended = once(this.#child, "close").then(([code, signal]) => {
      running.delete(this);
      this.isOver = true;
      this.#changed();
      return (code ?? signal) as number | NodeJS.Signals;
    });
  }

  /** Calls `listener` after each line, and when it has ended, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Ends its stdin: a caller finishes its calls, then exits. */
  endInput(): void {
    this.#child.stdin?.end();
  }

  signal(signal: "SIGTERM" | "SIGKILL"): void {
    this.#child.kill(signal);
  }

  /** Its resident memory now, in MiB. */
  residentMiB(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, "utf8");
    const [kib] = /(?<=VmRSS:\s+)\d+/.exec(status) ?? [];
    return Number(kib) / 1024;
  }

  /** The last lines of its stderr. */
  lastWords(): string {
    return readFileSync(this.log, "utf8").trimEnd().split("\n").slice(-5).join("\n");
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** Kills everything still running. */
export function killAll(): void {
  for (const one of running) one.signal("SIGKILL");
}
