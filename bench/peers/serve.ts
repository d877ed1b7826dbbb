import { createInterface } from "node:readline";

/** The commands that a program understands, by name. Arguments and results are JSON values. */
export type Commands = Readonly<Record<string, (args: never) => unknown>>;

/** The options that the program was started with. */
export function optionsOf<T>(): T {
  return JSON.parse(process.argv[2] ?? "{}") as T;
}

/**
 * Reports that the program is ready, then executes commands from stdin, one JSON line each, and
 * answers each with a line on stdout. When stdin closes, calls `close` and exits.
 */
export function serve(ready: object, commands: Commands, close: () => void): void {
  createInterface({ input: process.stdin })
    .on("line", (line) => void carryOut(line, commands))
    .on("close", () => {
      close();
      process.exit();
    });
  print({ ready });
}

/** Reports an event. */
export function tell(event: string, id: number, at: number): void {
  print({ event, id, at });
}

async function carryOut(line: string, commands: Commands): Promise<void> {
  const { command, args } = JSON.parse(line) as { command: string; args: never };
  try {
    const answer = await commands[command]?.(args);
    print({ answer: answer ?? null });
  } catch (error) {
    print({ error: `${command}: ${String(error)}` });
  }
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
