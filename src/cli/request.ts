import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { Command, InvalidArgumentError } from "commander";
import { Client } from "../client/client.js";
import { jsonOption } from "./common.js";
import { ExitCode, exitCodeHelp, exitCodeOf, reportError } from "./exit.js";
import { describeOutput, printLine } from "./output.js";
import { addRequestFlags, type RequestFlags, toRequestOptions } from "./request-flags.js";

/** A person is waiting, so report an absent hub soon. */
const CONNECT_TIMEOUT_MS = 5000;

interface Flags extends RequestFlags {
  file?: string;
  json: boolean;
}

export function requestCommand(): Command {
  const command = new Command("request")
    .description("Send one request and print its answer.")
    .argument("[input]", "the input as JSON; - reads it from stdin")
    .option("--file <path>", "send the bytes of a file instead");
  return addRequestFlags(command, CONNECT_TIMEOUT_MS)
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

async function runRequest(inputText: string | undefined, flags: Flags): Promise<void> {
  const input = await readInput(inputText, flags.file);
  const client = new Client(flags.hub, { connectTimeoutMs: flags.connectTimeout });
  const abort = new AbortController();
  process.once("SIGINT", () => abort.abort());
  const options = { ...toRequestOptions(flags), signal: abort.signal };
  try {
    const { output, ...info } = await client.requestWithInfo(input, options);
    print(output, info, flags.json);
  } catch (error) {
    reportError(error, flags.json);
    process.exitCode = exitCodeOf(error);
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
    throw new InvalidArgumentError(`${json} is not JSON; quote a string twice: '"hello"'`);
  }
}

function print(output: unknown, info: object, asJson: boolean): void {
  if (asJson) {
    printLine(JSON.stringify({ ...describeOutput(output), info }));
  } else if (output instanceof Uint8Array) {
    process.stdout.write(output);
  } else {
    printLine(JSON.stringify(output));
  }
}
