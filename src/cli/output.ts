import { ExitCode } from "./exit.js";

/** Prints a line of the command's result. */
export function printLine(line: string): void {
  process.stdout.write(`${line}\n`);
}

/**
 * Wraps an answer for JSON, which has no type for bytes: `{"value": ...}` or `{"data":
 * "<base64>"}`.
 */
export function describeOutput(output: unknown): { value: unknown } | { data: string } {
  if (!(output instanceof Uint8Array)) return { value: output };
  return { data: Buffer.from(output).toString("base64") };
}

/**
 * Handles write errors: a closed pipe, as in `gibbs proto | head -1`, is success; a full disk is a
 * failure.
 */
export function watchStdout(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(ExitCode.OK);
    console.error(`gibbs: the result cannot be written: ${error.message}`);
    process.exit(ExitCode.FAILED);
  });
}
