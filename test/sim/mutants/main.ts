import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { systemClock } from "../../../src/base/clock.js";
import { allMutants } from "./all.js";
import { applyTo, locate } from "./fit.js";
import type { Mutant } from "./mutant.js";
import { SourceTree } from "./source-tree.js";

const HELP = `Puts one fault at a time into a copy of src and runs the simulation, which must find
every one of them.

npm run sim:mutants -- [options]

  --only TEXT   run only the mutants whose name contains TEXT
  --seeds N     number of seeds tried per mutant (default 2000)
  --fit         only check that each mutant still fits src; takes seconds
  --help        show this text

Exits with 1 if a mutant survives or no longer fits src.`;

/** A mutant and the file it changes. */
interface Fitted {
  mutant: Mutant;
  /** Relative to src. */
  path: string;
  /** The whole file with the mutant in it. */
  source: string;
}

/** The result of hunting a mutant. */
interface Finding {
  fitted: Fitted;
  seed: string | undefined;
  check: string;
  seconds: number;
}

/** The number of seeds that must find nothing wrong in the unchanged src. */
const SEEDS_OF_THE_ORIGINAL = 100;

/** A run that takes longer than this counts as endless. */
const HANG_MS = 300_000;

const root = new URL("../../../", import.meta.url).pathname;
/** The files that the simulation needs. */
const needed = [
  "src",
  "test/sim",
  "test/core/invariants.ts",
  "test/support/bytes.ts",
  "package.json",
  "tsconfig.json",
];

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    seeds: { type: "string", default: "2000" },
    fit: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

if (values.help) console.log(HELP);
else process.exitCode = await main();

async function main(): Promise<number> {
  const chosen = allMutants.filter(({ name }) => name.includes(values.only));
  if (chosen.length === 0) throw new Error(`no mutant's name contains "${values.only}"`);
  const fitted = fitAll(chosen);
  if (fitted.length < chosen.length) return 1;
  if (values.fit) {
    console.log(`all ${chosen.length} mutants fit src`);
    return 0;
  }
  const [sum, seed, check] = await simulate(undefined, SEEDS_OF_THE_ORIGINAL);
  if (sum !== "0 violations") {
    const what = seed === undefined ? "does not run" : `breaks "${check}" in seed ${seed}`;
    console.log(`the unchanged src ${what}, so mutants would prove nothing`);
    return 1;
  }
  const findings: Finding[] = [];
  const work = async (): Promise<void> => {
    for (let next = fitted.shift(); next !== undefined; next = fitted.shift()) {
      const finding = await hunt(next);
      findings.push(finding);
      console.log(show(finding));
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  const survivors = findings.filter(({ seed }) => seed === undefined);
  console.log(`${findings.length - survivors.length} of ${findings.length} mutants found`);
  for (const { fitted } of survivors) {
    console.log(`SURVIVED ${fitted.mutant.name} (${fitted.mutant.at} in src/${fitted.path})`);
  }
  return survivors.length === 0 ? 0 : 1;
}

/** Fits each mutant into the source; reports those that do not fit and leaves them out. */
function fitAll(mutants: readonly Mutant[]): Fitted[] {
  const tree = SourceTree.read(join(root, "src"));
  return mutants.flatMap((mutant) => {
    try {
      const match = locate(mutant, tree);
      const source = readFileSync(join(root, "src", match.path), "utf8");
      return [{ mutant, path: match.path, source: applyTo(source, mutant, match) }];
    } catch (error) {
      console.log((error as Error).message);
      return [];
    }
  });
}

/** Runs the simulation against one mutant, in a separate folder. */
async function hunt(fitted: Fitted): Promise<Finding> {
  const startedAt = systemClock.now();
  const [sum, seed, check = sum] = await simulate(fitted, Number(values.seeds));
  return { fitted, seed, check, seconds: (systemClock.now() - startedAt) / 1000 };
}

/** Returns how the run ended and, if a seed broke a check, which seed and which check. */
async function simulate(
  fitted: Fitted | undefined,
  seeds: number,
): Promise<[sum: string, seed: string | undefined, check: string | undefined]> {
  const folder = mkdtempSync(join(tmpdir(), "gibbs-mutant-"));
  try {
    for (const path of needed) cpSync(join(root, path), join(folder, path), { recursive: true });
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    if (fitted !== undefined) writeFileSync(join(folder, "src", fitted.path), fitted.source);
    const printed = await run(folder, seeds);
    const [sum = "no run"] = /^\d+ violations/m.exec(printed) ?? [];
    const [, seed, check] = /^seed (\d+) broke "([^"]+)"/m.exec(printed) ?? [];
    return [sum, seed, check];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function run(folder: string, seeds: number): Promise<string> {
  const args = ["--import", "tsx", "test/sim/main.ts", "--no-shrink", "--seeds", String(seeds)];
  const child = spawn(process.execPath, args, {
    cwd: folder,
    timeout: HANG_MS,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let printed = "";
  child.stdout.on("data", (chunk: Buffer) => {
    printed += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", () => resolve(printed));
  });
}

function show({ fitted, seed, check, seconds }: Finding): string {
  const how = seed === undefined ? `SURVIVED: ${check}` : `seed ${seed.padStart(4)}: ${check}`;
  return `${seconds.toFixed(1).padStart(5)} s  ${fitted.mutant.name.padEnd(52)} ${how}`;
}
