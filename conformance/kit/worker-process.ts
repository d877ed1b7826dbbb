import { type ChildProcess, spawn } from "node:child_process";

/** The number of characters of stderr to keep. */
const MAX_STDERR = 16 * 1024;

/** How a process ended. */
export interface ProcessEnd {
  /** Its exit code; null if a signal killed it or it never started. */
  code: number | null;
  /** A readable description, such as `ended with code 1`. */
  how: string;
}

/**
 * The worker under test: a command in its own process group, so that the processes it starts end
 * with it.
 */
export class WorkerProcess {
  readonly #process: ChildProcess;
  #stderr = "";
  #end: ProcessEnd | undefined;
  /** Resolves when the process, and every process that holds its output open, has ended. */
  readonly closed: Promise<void>;

  /**
   * Starts `command` with the address `hub` in GIBBS_HUB; calls `changed` when it ends. Does not
   * throw: a command that cannot be started has an `end` that says so.
   */
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
      // The whole group has already ended.
    }
  }

  /** Kills the whole group at once. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    // A process that has left the group may still hold stderr: do not wait for it.
    this.#process.stderr?.destroy();
    await this.closed;
  }
}
