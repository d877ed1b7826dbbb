import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { onTestFinished } from "vitest";
import { root } from "../support/root.js";

/** A line of JSON, from a runner or to it. */
export type Line = Readonly<Record<string, unknown>>;

/** The runner of an SDK in another language: a program that talks in lines of JSON. */
export class Program {
  readonly #process: ChildProcess;
  #stderr = "";
  /** Resolves with the exit code. */
  readonly ended: Promise<number | null>;

  /** Starts it in the project's root; calls `hear` with each line. Killed when the test ends. */
  constructor([command, ...args]: readonly [string, ...string[]], hear: (line: Line) => void) {
    const stdio = ["pipe", "pipe", "pipe"] as const;
    this.#process = spawn(command, args, { cwd: root, stdio: [...stdio] });
    this.#process.stderr?.on("data", (chunk: Buffer) => {
      this.#stderr += chunk.toString();
    });
    // It may have ended before it has read everything.
    this.#process.stdin?.on("error", () => {});
    createInterface({ input: this.#process.stdout as NodeJS.ReadableStream }).on("line", (line) =>
      hear(JSON.parse(line) as Line),
    );
    this.ended = once(this.#process, "close").then(([code]) => code as number | null);
    onTestFinished(async () => {
      this.#process.kill("SIGKILL");
      await this.ended;
    });
  }

  /** What it has written to stderr. */
  get stderr(): string {
    return this.#stderr;
  }

  say(line: Line): void {
    this.#process.stdin?.write(`${JSON.stringify(line)}\n`);
  }

  /** Ends its input. */
  leave(): void {
    this.#process.stdin?.end();
  }
}
