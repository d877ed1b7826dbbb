// Runs what CI runs, in CI's order, continuing after failures, and reports how long each check took
// and how to fix each failure: npm run check
// With names, it runs only those checks: npm run check -- lint types
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

const scratch = mkdtempSync(join(tmpdir(), "gibbs-check-"));
const testReport = join(scratch, "tests.json");

// Adjacent `light` checks run in parallel, because each uses one core and writes nothing that
// another reads. All others run alone.
const checks = [
  {
    name: "generated",
    about: "src/gen is what the .proto files generate",
    command: "npx buf generate && git add --intent-to-add src/gen && git diff --exit-code src/gen",
    fix: "commit what `npm run generate` writes to src/gen",
  },
  {
    name: "proto-lint",
    about: "the .proto files follow buf's rules STANDARD and COMMENTS",
    command: "npx buf lint",
    fix: "change the .proto file as buf suggests",
    light: true,
  },
  {
    name: "proto-format",
    about: "the .proto files are formatted",
    command: "npx buf format --diff --exit-code",
    fix: "run `npx buf format --write`",
    light: true,
  },
  {
    name: "breaking",
    about: "the contract is compatible with its last release",
    command: "npx buf breaking proto --against proto/contract.binpb",
    fix: "add fields instead of changing them",
    light: true,
  },
  {
    name: "lint",
    about: "format and lint of everything else",
    command: "npx biome check --error-on-warnings .",
    fix: "run `npm run format`, then fix the rest by hand",
    light: true,
  },
  {
    name: "build",
    about: "src compiles to dist",
    command: "npm run build",
    fix: "fix what tsc reports in src",
  },
  {
    name: "types",
    about: "tests, scripts, examples and the benchmark type-check; needs dist",
    command: "npx tsc --noEmit",
    fix: "fix the types that tsc names",
    light: true,
  },
  {
    name: "promises",
    about: "no floating promises, no switch with a missing case; needs dist",
    command: "npx eslint --max-warnings 0 .",
    fix: "await the promise, or mark it with `void` if nothing can await it",
    light: true,
  },
  {
    name: "unused",
    about: "no unused file, export or dependency",
    command: "npx knip",
    fix: "remove what is unused, or stop exporting it",
    light: true,
  },
  {
    name: "faults",
    about: "each fault has an entry, a test and a row in docs/reliability.md",
    command: "npm run check:faults",
    fix: "add what it reports as missing",
    light: true,
  },
  {
    name: "package",
    about: "the package can be imported as its `exports` promise; needs dist",
    command: "npx publint --strict && npx attw --pack . --profile esm-only",
    fix: "fix `exports` and `files` in package.json",
  },
  {
    name: "tests",
    about: "all tests; `npm run test:unit` runs the part that takes seconds",
    command: `npm test -- --reporter=default --reporter=./test/support/slowest-files.ts --reporter=json --outputFile.json=${testReport}`,
    fix: "run the failing file alone: `npx vitest run test/...`",
  },
  {
    name: "sim",
    about: "the simulation with 2,000 fixed seeds and 2,000 derived from the commit",
    command: "node scripts/check-simulation.js",
    fix: "run the command that the failing seed prints; for `never seen`, see test/sim/coverage.ts",
  },
  {
    name: "mutants",
    about: "the simulation finds each fault injected into a copy of src",
    command: "npm run sim:mutants",
    fix: "make the oracle in test/sim/oracle catch the survivor, or adapt test/sim/mutants to src",
  },
  {
    name: "nodes",
    about: "the library's tests on every supported Node version",
    command: "npm run check:nodes",
    fix: "run the failing file with that version: see scripts/check-nodes.js",
  },
  {
    name: "docs",
    about: "the snippets in README and docs run as written",
    command: "npm run check:docs",
    fix: "fix the snippet, or the code it shows",
  },
];

const HELP = `Runs the checks that CI runs, or only the named ones.

npm run check -- [NAME...]

${checks.map(({ name, about }) => `  ${name.padEnd(14)}${about}`).join("\n")}

  --list        print the names, one per line
  --help        print this text

Exits with 1 if a check fails, and with 2 if a name is unknown.`;

process.exitCode = await main();
rmSync(scratch, { recursive: true });

async function main() {
  const { values, positionals } = parseArgs({
    options: { help: { type: "boolean" }, list: { type: "boolean" } },
    allowPositionals: true,
  });
  const names = checks.map(({ name }) => name);
  if (values.help || values.list) {
    console.log(values.help ? HELP : names.join("\n"));
    return 0;
  }
  const unknown = positionals.filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    console.error(`no check is named ${unknown.join(", ")}; the checks are ${names.join(", ")}`);
    return 2;
  }
  const chosen = checks.filter(
    ({ name }) => positionals.length === 0 || positionals.includes(name),
  );
  const results = [];
  for (const group of groupsOf(chosen)) results.push(...(await runGroup(group)));
  return report(results);
}

/** Groups adjacent light checks, which run in parallel. */
function groupsOf(chosen) {
  const groups = [];
  for (const check of chosen) {
    const last = groups.at(-1);
    if (check.light && last?.every(({ light }) => light)) last.push(check);
    else groups.push([check]);
  }
  return groups;
}

/** Runs the checks of a group, up to one per core at once; returns the results in order. */
async function runGroup(group) {
  const results = new Map();
  const waiting = [...group];
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      results.set(next, await run(next, group.length > 1));
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return group.map((check) => results.get(check));
}

/** Runs a check; with `apart`, prints its output only after it has ended. */
async function run(check, apart) {
  const title = `\n--- ${check.name}: ${check.command}`;
  if (!apart) console.log(title);
  const startedAt = performance.now();
  const stdio = apart ? ["ignore", "pipe", "pipe"] : "inherit";
  const child = spawn(check.command, { shell: true, stdio });
  const printed = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk) => printed.push(chunk));
  }
  const status = await new Promise((resolve) => child.on("close", resolve));
  const seconds = (performance.now() - startedAt) / 1000;
  if (apart) console.log(`${title}\n${Buffer.concat(printed)}`.trimEnd());
  console.log(`${check.name}: ${status === 0 ? "passed" : "FAILED"} in ${seconds.toFixed(1)} s`);
  return { check, passed: status === 0, seconds };
}

/** Prints the results and returns the exit code. */
function report(results) {
  console.log("");
  for (const { check, seconds } of results) {
    console.log(`${seconds.toFixed(1).padStart(7)} s  ${check.name}`);
  }
  console.log("");
  const failed = results.filter(({ passed }) => !passed);
  for (const { check } of failed) console.log(`FAILED ${check.name}: ${check.fix}`);

  const others = results.filter(({ check }) => check.name !== "tests");
  const tests = readReport();
  const othersFailed = others.filter(({ passed }) => !passed).length;
  // A test run that aborted before writing its report counts as one failure.
  const broken = failed.length > othersFailed && tests.failed === 0 ? 1 : 0;
  const passed = others.length - othersFailed + tests.passed;
  console.log(`${passed} passed, ${othersFailed + tests.failed + broken} failed`);
  return failed.length === 0 ? 0 : 1;
}

function readReport() {
  try {
    const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(testReport, "utf8"));
    return { passed: numPassedTests, failed: numFailedTests };
  } catch {
    return { passed: 0, failed: 0 };
  }
}
