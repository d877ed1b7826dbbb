import { logVerbosity, setLogVerbosity } from "@grpc/grpc-js";
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { VERSION } from "../base/version.js";
import { conformanceCommand } from "./conformance.js";
import { demoCommand } from "./demo.js";
import { ExitCode, exitCodeHelp, reportError } from "./exit.js";
import { hubCommand } from "./hub.js";
import { mapCommand } from "./map.js";
import { watchStdout } from "./output.js";
import { protoCommand } from "./proto.js";
import { requestCommand } from "./request.js";
import { workerCommand } from "./worker.js";

// The commands report failures themselves, once and in their own words.
setLogVerbosity(logVerbosity.NONE);

watchStdout();

// If another gibbs started this process, as the demo does, end when that parent ends, however it
// ends.
if (process.channel !== undefined) {
  process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
  process.channel.unref();
}

// A variable that is empty counts as unset, as in the SDKs.
for (const [name, value] of Object.entries(process.env)) {
  if (name.startsWith("GIBBS_") && value === "") delete process.env[name];
}

const program = new Command("gibbs")
  .description(
    "Put slow code behind one address: a hub hands each request to a worker that is idle now.",
  )
  .version(VERSION)
  .showHelpAfterError("(see gibbs --help)")
  .configureHelp({ showGlobalOptions: true })
  .addHelpText(
    "after",
    `
Examples:
  $ gibbs demo                                   ten requests to one worker, then to four
  $ gibbs hub                                    run a hub at 127.0.0.1:5019
  $ gibbs worker ./model.js --count 4            serve a model from four processes
  $ gibbs request 34                             send one request
  $ gibbs map inputs.jsonl > out.jsonl           send one request per line of a file
  $ gibbs conformance -- python3 worker.py       test a worker in any language

${exitCodeHelp}`,
  );

const commands = [hubCommand, workerCommand, requestCommand, mapCommand, demoCommand, protoCommand];
for (const command of [...commands, conformanceCommand]) program.addCommand(command());
for (const command of [program, ...program.commands]) command.exitOverride();

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof InvalidArgumentError) {
    const { message } = error;
    const asJson = process.argv.includes("--json");
    console.error(asJson ? JSON.stringify({ error: { message } }) : `error: ${message}`);
    process.exitCode = ExitCode.USAGE;
  } else if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? ExitCode.OK : ExitCode.USAGE;
  } else {
    process.exitCode = reportError(error, process.argv.includes("--json"));
  }
}
