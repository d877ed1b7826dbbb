import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { systemClock } from "../../../src/base/clock.js";
import { clientMutants, multiplexMutants } from "./multiplex.js";
import type { Mutant } from "./mutant.js";
import { requestMutants } from "./requests.js";
import { sessionMutants } from "./sessions.js";
import { workerMutants } from "./workers.js";

const HELP = `Puts one fault after another into a copy of src, and runs the simulation
against it: it must find every one.

npm run sim:mutants -- [options]

  --only TEXT   only the mutants whose name contains TEXT
  --seeds N     how many seeds each may survive (default 2000)
  --help        this text

Ends with 1 if a mutant survives, or no longer fits the source.`;

/** What came of a mutant. */
interface Finding {
  mutant: Mutant;
  seed: string | undefined;
  check: string;
  seconds: number;
}

/** So many seeds must find nothing in src as it is. */
const SEEDS_OF_THE_ORIGINAL = 100;

/** A run that takes so long has no end. */
const HANG_MS = 300_000;

const root = new URL("../../../", import.meta.url).pathname;
/** What the simulation is made of, and how it is run. */
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
    help: { type: "boolean", default: false },
  },
});

if (values.help) console.log(HELP);
else process.exitCode = await main();

async function main(): Promise<number> {
  const mutants = [
    ...requestMutants,
    ...sessionMutants,
    ...workerMutants,
    ...multiplexMutants,
    ...clientMutants,
  ];
  const chosen = mutants.filter(({ name }) => name.includes(values.only));
  if (chosen.length === 0) throw new Error(`no mutant's name contains "${values.only}"`);
  const misfits = chosen.filter((mutant) => occurrences(mutant) !== 1);
  for (const mutant of misfits) {
    console.log(`"${mutant.name}" stands ${occurrences(mutant)} times in src/${mutant.file}`);
  }
  if (misfits.length > 0) return 1;
  const [sum, seed, check] = await simulate(undefined, SEEDS_OF_THE_ORIGINAL);
  if (sum !== "0 violations") {
    const what = seed === undefined ? "does not run" : `breaks "${check}" in seed ${seed}`;
    console.log(`src as it is ${what}: a mutant would prove nothing`);
    return 1;
  }
  const waiting = [...chosen];
  const findings: Finding[] = [];
  const work = async (): Promise<void> => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const finding = await hunt(mutant);
      findings.push(finding);
      console.log(show(finding));
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  const survivors = findings.filter(({ seed }) => seed === undefined);
  console.log(`${findings.length - survivors.length} of ${findings.length} mutants found`);
  for (const { mutant } of survivors) console.log(`SURVIVED ${mutant.name} (src/${mutant.file})`);
  return survivors.length === 0 ? 0 : 1;
}

function occurrences({ file, find }: Mutant): number {
  return readFileSync(join(root, "src", file), "utf8").split(find).length - 1;
}

/** Runs the simulation against one mutant, in a folder of its own. */
async function hunt(mutant: Mutant): Promise<Finding> {
  const startedAt = systemClock.now();
  const [sum, seed, check = sum] = await simulate(mutant, Number(values.seeds));
  return { mutant, seed, check, seconds: (systemClock.now() - startedAt) / 1000 };
}

/** Returns how it ended, and which seed broke what if one did. */
async function simulate(
  mutant: Mutant | undefined,
  seeds: number,
): Promise<[sum: string, seed: string | undefined, check: string | undefined]> {
  const folder = mkdtempSync(join(tmpdir(), "gibbs-mutant-"));
  try {
    for (const path of needed) cpSync(join(root, path), join(folder, path), { recursive: true });
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    if (mutant !== undefined) apply(mutant, folder);
    const printed = await run(folder, seeds);
    const [sum = "no run"] = /^\d+ violations/m.exec(printed) ?? [];
    const [, seed, check] = /^seed (\d+) broke "([^"]+)"/m.exec(printed) ?? [];
    return [sum, seed, check];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function apply({ file, find, replace }: Mutant, folder: string): void {
  const path = join(folder, "src", file);
  const source = readFileSync(path, "utf8");
  writeFileSync(
    path,
    source.replace(find, () => replace),
  );
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

function show({ mutant, seed, check, seconds }: Finding): string {
  const how = seed === undefined ? `SURVIVED: ${check}` : `seed ${seed.padStart(4)}: ${check}`;
  return `${seconds.toFixed(1).padStart(5)} s  ${mutant.name.padEnd(52)} ${how}`;
}
