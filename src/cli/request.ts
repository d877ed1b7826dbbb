import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { Command, InvalidArgumentError } from "commander";
import { GibbsError } from "../base/error.js";
import type { RequestOptions } from "../base/options.js";
import { Client } from "../client/client.js";
import { hubOption, jsonOption, parseCount, parseDuration } from "./common.js";
import { ExitCode, exitCodeHelp, reportError } from "./exit.js";
import { printLine } from "./output.js";

interface RequestFlags {
  hub: string;
  file?: string;
  method: string;
  timeout?: number;
  connectTimeout: number;
  idempotent?: boolean;
  maxAttempts?: number;
  json: boolean;
}

export function requestCommand(): Command {
  return new Command("request")
    .description("Send one request and print its answer.")
    .argument("[input]", "the input as JSON; - reads it from stdin")
    .addOption(hubOption())
    .option("--file <path>", "send the bytes of a file instead")
    .option("--method <name>", "the method to call", "")
    .option("--timeout <time>", "how long the whole call may take (default: 10m)", parseDuration)
    .option("--connect-timeout <time>", "how long to wait for the hub", parseDuration, 5000)
    .option("--idempotent", "it may run again when its worker is lost")
    .option("--max-attempts <n>", "how often an idempotent request may be started", parseCount)
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Examples:
  $ gibbs request 34
  $ gibbs request '{"text": "hello"}' --method embed --timeout 5s
  $ gibbs request --file page.png --method ocr --json

${exitCodeHelp}`,
    )
    .action(runRequest);
}

async function runRequest(inputText: string | undefined, flags: RequestFlags): Promise<void> {
  const input = await readInput(inputText, flags.file);
  const client = new Client(flags.hub, { connectTimeoutMs: flags.connectTimeout });
  const abort = new AbortController();
  process.once("SIGINT", () => abort.abort());
  const { method, timeout: timeoutMs, idempotent, maxAttempts } = flags;
  const options: RequestOptions = {
    method,
    signal: abort.signal,
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(idempotent !== undefined && { idempotent }),
    ...(maxAttempts !== undefined && { maxAttempts }),
  };
  try {
    const { output, ...info } = await client.requestWithInfo(input, options);
    print(output, info, flags.json);
  } catch (error) {
    reportError(error, flags.json);
    const unreachable = error instanceof GibbsError && error.reason === "NOT_CONNECTED";
    process.exitCode = unreachable ? ExitCode.UNREACHABLE : ExitCode.REQUEST_FAILED;
    if (abort.signal.aborted) process.exitCode = ExitCode.INTERRUPTED;
  } finally {
    client.close();
  }
}

async function readInput(
  inputText: string | undefined,
  file: string | undefined,
): Promise<unknown> {
  if (file !== undefined && inputText !== undefined) {
    throw new InvalidArgumentError("give an input or --file, not both");
  }
  if (file !== undefined) return readFile(file);
  if (inputText === undefined) throw new InvalidArgumentError("give an input, or --file");
  const json = inputText === "-" ? await text(process.stdin) : inputText;
  try {
    return JSON.parse(json);
  } catch {
    throw new InvalidArgumentError(`${json} is no JSON; quote a text twice: '"hello"'`);
  }
}

function print(output: unknown, info: object, asJson: boolean): void {
  const bytes = output instanceof Uint8Array ? output : undefined;
  if (asJson) {
    const shown =
      bytes === undefined ? { value: output } : { data: Buffer.from(bytes).toString("base64") };
    printLine(JSON.stringify({ ...shown, info }));
  } else if (bytes !== undefined) {
    process.stdout.write(bytes);
  } else {
    printLine(JSON.stringify(output));
  }
}
