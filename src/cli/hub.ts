import { Command, Option } from "commander";
import { DEFAULT_ADDRESS } from "../base/options.js";
import { onShutdownSignals } from "../base/signals.js";
import { Hub } from "../hub/hub.js";
import { createLogger, jsonOption, logLevelOption } from "./common.js";
import { ExitCode, exitCodeHelp } from "./exit.js";
import { limitOptions, readLimits } from "./hub-limits.js";
import { printLine } from "./output.js";

interface HubFlags {
  listen: string;
  insecure: boolean;
  logLevel: string;
  json: boolean;
}

export function hubCommand(): Command {
  const command = new Command("hub")
    .description("Run a hub until SIGTERM or Ctrl-C, which let finish what runs.")
    .addOption(
      new Option("--listen <address>", "where to listen, host:port; port 0 takes a free one")
        .default(DEFAULT_ADDRESS)
        .env("GIBBS_LISTEN"),
    )
    .option("--insecure", "allow an address beyond this machine, without TLS", false)
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
  for (const option of limitOptions()) command.addOption(option);
  return command;
}

async function runHub(flags: HubFlags): Promise<void> {
  const { listen, insecure } = flags;
  const logger = createLogger(flags.logLevel);
  const hub = new Hub({ listen, insecure, logger, ...readLimits({ ...flags }) });
  const ended = untilSignalled(hub);
  const address = await hub.listen();
  printLine(flags.json ? JSON.stringify({ address }) : `gibbs hub listening on ${address}`);
  await ended;
}

function untilSignalled(hub: Hub): Promise<void> {
  return new Promise((resolve, reject) => {
    onShutdownSignals(
      () => {
        console.error("gibbs hub: finishing what runs; a second signal stops at once");
        hub.drain().then(resolve, reject);
      },
      () => {
        process.exitCode = ExitCode.INTERRUPTED;
        hub.close().then(resolve, reject);
      },
    );
  });
}
