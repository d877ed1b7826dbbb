import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { positive } from "../support/positive.js";
import type { RunOptions, Verdict } from "./crew.js";
import { goaway } from "./goaway.js";
import { moves } from "./moves.js";
import { killAll } from "./process.js";
import { build } from "./programs.js";
import { requests } from "./requests.js";
import { restarts } from "./restarts.js";

/** The folder with the logs of this run. Kept if it fails. */
let folder: string | undefined;

const program = new Command("npm run soak --").description(
  "Long runs with every SDK: real processes under load, while something keeps changing.\n" +
    "Prints a line for each program; exits with 1 if a call failed or a job was lost.",
);
program
  .command("goaway")
  .description("every connection is told to go away after 2 s, and cut 3 s later")
  .option("--minutes <n>", "how long", positive, 10)
  .action(({ minutes }) => report("goaway", goaway({ minutes, ...common() })));
program
  .command("restarts")
  .description("the hub is restarted gracefully, again and again")
  .option("--restarts <n>", "how often", positive, 20)
  .option("--job-ms <n>", "how long each job takes, in milliseconds", positive, 50)
  .action(({ restarts: count, jobMs }) =>
    report("restarts", restarts({ restarts: count, jobMs, ...common() })),
  );
program
  .command("requests")
  .description("many requests of one Python client, and its memory meanwhile")
  .option("--count <n>", "how many", positive, 1_000_000)
  .action(({ count }) => report("requests", requests({ count, ...common() })));
program
  .command("moves")
  .description("a hub's name gets another address, again and again; Linux only")
  .option("--moves <n>", "how often; the old hub drains and is killed in turn", positive, 6)
  .action(({ moves: count }) => report("moves", moves({ moves: count, ...common() })));

function common(): RunOptions {
  folder = mkdtempSync(join(tmpdir(), "gibbs-soak-"));
  return { kinds: build(say), folder, say };
}

async function report(what: string, run: Promise<Verdict[]>): Promise<void> {
  const verdicts = await run.catch((error: Error) => {
    console.log(`FAIL  ${what}: ${error.message}`);
    return undefined;
  });
  for (const { name, role, pass, text } of verdicts ?? []) {
    console.log(`${pass ? "PASS" : "FAIL"}  ${role.padEnd(6)}  ${name.padEnd(20)}  ${text}`);
  }
  const passed = verdicts?.every(({ pass }) => pass) ?? false;
  console.log(passed ? `${what}: all passed` : `${what}: failed`);
  process.exitCode = passed ? 0 : 1;
}

function say(line: string): void {
  console.error(line);
}

process.on("exit", (code) => {
  killAll();
  if (folder === undefined) return;
  if (code === 1) console.log(`the logs are kept in ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
await program.parseAsync();
