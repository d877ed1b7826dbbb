import { Command, InvalidArgumentError } from "commander";
import {
  type ConformanceReport,
  conformanceOptionTable,
  runConformance,
  type Scenario,
  type ScenarioReport,
  scenarios,
  type WorkerFacts,
} from "#conformance";
import { onShutdownSignals } from "../base/signals.js";
import { jsonOption } from "./common.js";
import {
  countOutcomes,
  failureText,
  listLines,
  reportJson,
  reportLine,
  runningLine,
  summaryLine,
  workerLine,
} from "./conformance-report.js";
import { ExitCode, exitCodeHelp } from "./exit.js";
import { addFlags, readFlags } from "./option-flags.js";
import { printLine } from "./output.js";

interface ConformanceFlags {
  only?: string[];
  skip?: string[];
  list: boolean;
  json: boolean;
}

export function conformanceCommand(): Command {
  const command = new Command("conformance")
    .description(
      "Act as the hub for a worker in any language, inject faults, and check its behaviour.",
    )
    .argument(
      "[command...]",
      "the command that starts the worker, which must dial the address in GIBBS_HUB",
    )
    .option(
      "--only <ids>",
      "run only these scenarios, comma-separated; those that the worker cannot run count as failed",
      parseIds,
    )
    .option("--skip <ids>", "skip these scenarios, comma-separated", parseIds)
    .option("--list", "print the scenarios and the rules they test", false);
  return addFlags(command, conformanceOptionTable)
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Numbers in the report are paragraphs of docs/protocol.md. The worker should serve some
or all of the methods described in conformance/README.md.

Examples:
  $ gibbs conformance -- python3 worker.py
  $ gibbs conformance --only hello-first,cancel-honoured -- ./worker --slots 4
  $ gibbs conformance --json -- java -jar worker.jar
  $ gibbs conformance --list

${exitCodeHelp}`,
    )
    .action(runCommand);
}

async function runCommand(command: string[], flags: ConformanceFlags): Promise<void> {
  const { only, skip = [], list, json } = flags;
  const chosen = scenarios.filter(({ id }) => only?.includes(id) ?? true);
  if (list) return printList(chosen, json);
  if (command.length === 0) {
    throw new InvalidArgumentError("give the command that starts the worker, after --");
  }
  const interrupt = new AbortController();
  const stopListening = listenForSignals(interrupt);
  try {
    const report = await runConformance(command, {
      scenarios: chosen,
      claimed: new Set(only),
      skipped: new Set(skip),
      times: readFlags(conformanceOptionTable, { ...flags }),
      signal: interrupt.signal,
      ...(json ? {} : new Table()),
    });
    if (json) printLine(reportJson(report));
    else printFailures(report);
    if (countOutcomes(report.scenarios).failed > 0) process.exitCode = ExitCode.FAILED;
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    process.exitCode = ExitCode.INTERRUPTED;
  } finally {
    stopListening();
  }
}

/** Prints a row as each scenario ends; on a terminal, also one for the scenario that is running. */
class Table {
  #begun = false;

  onBegin = (scenario: Scenario, worker: WorkerFacts): void => {
    if (!this.#begun) printLine(`${workerLine(worker)}\n`);
    this.#begun = true;
    if (process.stdout.isTTY) process.stdout.write(runningLine(scenario));
  };

  onEnd = (report: ScenarioReport): void => {
    if (process.stdout.isTTY) process.stdout.write("\r\u001b[2K");
    printLine(reportLine(report));
  };
}

function printFailures(report: ConformanceReport): void {
  for (const one of report.scenarios) if (one.outcome === "failed") printLine(failureText(one));
  printLine(summaryLine(report));
}

function printList(chosen: readonly Scenario[], json: boolean): void {
  if (!json) {
    for (const line of listLines(chosen)) printLine(line);
    return;
  }
  const rows = chosen.map(({ id, title, rules, needs }) => ({ id, title, rules, needs }));
  printLine(JSON.stringify(rows));
}

/** Aborts the run and kills the worker on Ctrl-C or SIGTERM, or when the terminal closes. */
function listenForSignals(interrupt: AbortController): () => void {
  const stop = (): void => interrupt.abort(new Error("interrupted"));
  process.on("SIGHUP", stop);
  const stopListening = onShutdownSignals(stop, stop);
  return () => {
    stopListening();
    process.off("SIGHUP", stop);
  };
}

function parseIds(text: string): string[] {
  const ids = text.split(",").map((id) => id.trim());
  const unknown = ids.find((id) => !scenarios.some((scenario) => scenario.id === id));
  if (unknown === undefined) return ids;
  throw new InvalidArgumentError(`There is no scenario "${unknown}"; --list names them.`);
}
