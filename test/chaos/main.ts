import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, Option } from "commander";
import { positive } from "../support/positive.js";
import { buildFolder } from "./gibbs.js";
import { killAll } from "./managed-process.js";
import { chaos } from "./scenarios/chaos.js";
import { failover } from "./scenarios/failover.js";
import { overload } from "./scenarios/overload.js";
import { rejoin } from "./scenarios/rejoin.js";
import { rolling } from "./scenarios/rolling.js";
import { stall } from "./scenarios/stall.js";
import { print, type ScenarioOptions, type Scorecard } from "./scorecard.js";

/** All scenarios, in the order in which `all` runs them. */
const scenarios: Readonly<Record<string, (options: ScenarioOptions) => Promise<Scorecard>>> = {
  chaos,
  failover,
  stall,
  overload,
  rolling,
  rejoin,
};

/** The folder with this run's journals and logs. Kept if the run fails. */
let folder: string | undefined;

interface Flags {
  minutes: number;
  seed: number;
  scenario: string;
  json?: string;
  build?: string;
  quiet: boolean;
}

const program = new Command("npm run chaos --")
  .description(
    "Runs a real hub, workers and clients, injects faults, and checks what each of them recorded\n" +
      "against the hub's promises. Prints a scorecard; exits with 1 if a criterion fails.",
  )
  .option("--minutes <n>", "how long the scenario `chaos` injects faults", positive, 1)
  .option("--seed <n>", "determines which fault hits what, and when", positive, 1)
  .addOption(
    new Option("--scenario <name>", "which scenario to run")
      .choices([...Object.keys(scenarios), "all"])
      .default("chaos"),
  )
  .option("--json <file>", "also write the scorecards to this file")
  .option("--build <folder>", "test this build as it is (default: builds dist first)")
  .option("--quiet", "do not print each fault on stderr", false)
  .action(run);

async function run({ minutes, seed, scenario, json, build, quiet }: Flags): Promise<void> {
  if (build === undefined) execFileSync("npm", ["run", "build"], { stdio: "ignore" });
  else process.env["CHAOS_BUILD"] = build;
  const say = (line: string): void => {
    if (!quiet) console.error(line);
  };
  folder = mkdtempSync(join(tmpdir(), "gibbs-chaos-"));
  const cards: Scorecard[] = [];
  for (const name of scenario === "all" ? Object.keys(scenarios) : [scenario]) {
    say(`-- ${name}`);
    const options = { seed, minutes, folder: join(folder, name), say };
    const card = await scenarios[name]?.(options).catch((error) => broken(name, error));
    if (card === undefined) continue;
    cards.push(card);
    console.log(print(card));
  }
  const failed = cards.flatMap(({ criteria }) => criteria).filter(({ pass }) => !pass);
  if (json !== undefined) {
    const about = { seed, minutes, commit: commit(), node: process.version, build: buildFolder() };
    writeFileSync(json, `${JSON.stringify({ ...about, passed: failed.length === 0, cards })}\n`);
  }
  console.log(failed.length === 0 ? "all criteria passed" : `${failed.length} criteria failed`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}

/** The scorecard of a scenario that did not finish. */
function broken(scenario: string, error: Error): Scorecard {
  const ended = { name: "ran to its end", measured: error.message, wanted: "yes", pass: false };
  return { scenario, settings: {}, figures: {}, criteria: [ended] };
}

function commit(): string {
  return execFileSync("git", ["describe", "--always", "--dirty"], { encoding: "utf8" }).trim();
}

process.on("exit", (code) => {
  killAll();
  if (folder === undefined) return;
  if (code === 1) console.log(`the journals and logs are kept in ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
await program.parseAsync();
