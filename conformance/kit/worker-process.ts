import { type ChildProcess, spawn } from "node:child_process";

/** The most characters of stderr that are kept. */
const MAX_STDERR = 16 * 1024;

/** How a process ended. */
export interface ProcessEnd {
  /** Its exit code; null if a signal ended it or it never started. */
  code: number | null;
  /** For people: `ended with code 1`. */
  how: string;
}

/**
 * The worker under test: a command in a process group of its own, so that a
 * command that starts others ends with all of them.
 */
export class WorkerProcess {
  readonly #process: ChildProcess;
  #stderr = "";
  #end: ProcessEnd | undefined;
  /** Resolves when the process and all that hold its output have ended. */
  readonly closed: Promise<void>;

  /** Starts `command`, with the hub's address in its environment. Does not throw: a failure is its end. */
  constructor(command: readonly string[], hub: string, changed: () => void) {
    const [program = "", ...args] = command;
    this.#process = spawn(program, args, {
      env: { ...process.env, GIBBS_HUB: hub },
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
    });
    this.#process.stderr?.on("data", (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-MAX_STDERR);
    });
    const ended = (end: ProcessEnd): void => {
      this.#end ??= end;
      changed();
    };
    this.closed = new Promise((resolve) => {
      this.#process.once("error", (error) => {
        ended({ code: null, how: `could not be started: ${error.message}` });
        resolve();
      });
      this.#process.once("close", () => resolve());
    });
    this.#process.once("exit", (code, signal) => {
      ended({ code, how: code === null ? `was killed by ${signal}` : `ended with code ${code}` });
    });
  }

  /** How it ended; undefined while it runs. */
  get end(): ProcessEnd | undefined {
    return this.#end;
  }

  /** The last lines of its stderr. */
  stderrTail(lines: number): string[] {
    return this.#stderr
      .trimEnd()
      .split("\n")
      .slice(-lines)
      .filter((line) => line !== "");
  }

  /** Sends a signal to the whole group. */
  signal(signal: "SIGTERM" | "SIGKILL"): void {
    const { pid } = this.#process;
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // Nobody of the group is left.
    }
  }

  /** Ends the whole group at once. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    // Not to wait for what has left the group and still holds it.
    this.#process.stderr?.destroy();
    await this.closed;
  }
}
