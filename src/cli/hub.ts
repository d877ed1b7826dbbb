import { Command } from "commander";
import { onShutdownSignals } from "../base/signals.js";
import { Hub } from "../hub/hub.js";
import { hubOptionTable } from "../hub/options.js";
import { createLogger, jsonOption, logLevelOption } from "./common.js";
import { ExitCode, exitCodeHelp } from "./exit.js";
import { addFlags, readFlags } from "./option-flags.js";
import { printLine } from "./output.js";

interface HubFlags {
  logLevel: string;
  json: boolean;
}

export function hubCommand(): Command {
  const { listen, insecure, ...limits } = hubOptionTable;
  const command = new Command("hub").description(
    "Run a hub until SIGTERM or Ctrl-C, then let running requests finish.",
  );
  addFlags(command, { listen, insecure })
    .addOption(logLevelOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Examples:
  $ gibbs hub
  $ gibbs hub --listen 127.0.0.1:0
  $ gibbs hub --listen 0.0.0.0:5019 --insecure
  $ gibbs hub --max-queued 1000 --liveness-timeout 3s
  $ grpcurl -plaintext -d '{"value": 34}' localhost:5019 gibbs.v1.HubService/Request

${exitCodeHelp}`,
    )
    .action(runHub);
  return addFlags(command, limits);
}

async function runHub(flags: HubFlags): Promise<void> {
  const logger = createLogger(flags.logLevel);
  const hub = new Hub({ logger, ...readFlags(hubOptionTable, { ...flags }) });
  const ended = untilSignalled(hub);
  const address = await hub.listen();
  printLine(flags.json ? JSON.stringify({ address }) : `gibbs hub listening on ${address}`);
  await ended;
}

function untilSignalled(hub: Hub): Promise<void> {
  return new Promise((resolve, reject) => {
    onShutdownSignals(
      () => {
        console.error("gibbs hub: finishing running requests; a second signal stops at once");
        hub.drain().then(resolve, reject);
      },
      () => {
        process.exitCode = ExitCode.INTERRUPTED;
        hub.close().then(resolve, reject);
      },
    );
  });
}
