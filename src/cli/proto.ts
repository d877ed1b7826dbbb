import { cp, readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { exitCodeHelp } from "./exit.js";
import { printLine } from "./output.js";

const protoRoot = fileURLToPath(new URL("../../proto/", import.meta.url));
const contract = "gibbs/v1";

export function protoCommand(): Command {
  return new Command("proto")
    .description("Print the contract, or write its .proto files for use in another language.")
    .option("--out <dir>", "write the files under this directory")
    .addHelpText(
      "after",
      `
Examples:
  $ gibbs proto
  $ gibbs proto --out ./proto

${exitCodeHelp}`,
    )
    .action(runProto);
}

async function runProto({ out }: { out?: string }): Promise<void> {
  const names = await readdir(join(protoRoot, contract));
  if (out === undefined) {
    for (const name of names) printLine(await readFile(join(protoRoot, contract, name), "utf8"));
    return;
  }
  await cp(join(protoRoot, contract), join(out, contract), { recursive: true });
  for (const name of names) printLine(resolve(out, contract, name));
}
