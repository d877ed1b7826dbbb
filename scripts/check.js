// Runs everything that CI runs, in CI's order, goes on after a failure, and says
// at the end what to do about each: npm run check
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const scratch = mkdtempSync(join(tmpdir(), "gibbs-check-"));
const testReport = join(scratch, "tests.json");

const checks = [
  {
    name: "generated code",
    command: "npx buf generate && git add --intent-to-add src/gen && git diff --exit-code src/gen",
    mend: "src/gen is not what the .proto files generate: commit what `npm run generate` has written",
  },
  {
    name: "buf lint",
    command: "npx buf lint",
    mend: "mend the .proto file as buf says; its rules are STANDARD and COMMENTS",
  },
  {
    name: "buf format",
    command: "npx buf format --diff --exit-code",
    mend: "run `npx buf format --write`",
  },
  {
    name: "buf breaking",
    command: "npx buf breaking proto --against proto/contract.binpb",
    mend: "the contract would break those who speak it: add fields instead of changing them",
  },
  {
    name: "format and lint",
    command: "npx biome check --error-on-warnings .",
    mend: "run `npm run format`, and mend by hand what is left",
  },
  {
    name: "promise rules",
    command: "npx eslint --max-warnings 0 .",
    mend: "await the promise, or say `void` where nobody can wait for it",
  },
  { name: "types", command: "npx tsc --noEmit", mend: "mend the types that tsc names" },
  { name: "build", command: "npm run build", mend: "mend what tsc says of src and conformance" },
  {
    name: "unused code",
    command: "npx knip",
    mend: "remove what nobody uses, or stop exporting it",
  },
  {
    name: "faults",
    command: "npm run check:faults",
    mend: "add what it names: each fault has an entry, a test and a row in docs/reliability.md",
  },
  {
    name: "package",
    command: "npx publint --strict && npx attw --pack . --profile esm-only",
    mend: "mend `exports` and `files` in package.json",
  },
  {
    name: "tests",
    command: `npm test -- --reporter=default --reporter=json --outputFile.json=${testReport}`,
    mend: "run the failing file alone: `npx vitest run test/...`",
  },
  {
    name: "simulation",
    command: "node scripts/check-simulation.js",
    mend: "run the command that the failing seed prints; if it says `never seen`, see test/sim/coverage.ts",
  },
  {
    name: "mutants of the simulation",
    command: "npm run sim:mutants",
    mend: "make the oracle in test/sim/oracle see the survivor, or fit test/sim/mutants to src",
  },
  {
    name: "other Node versions",
    command: "npm run check:nodes",
    mend: "run the failing file with that version: see scripts/check-nodes.js",
  },
  {
    name: "snippets",
    command: "npm run check:docs",
    mend: "mend the snippet, or what it shows: every snippet of README and docs is run",
  },
];

const failed = [];
for (const { name, command, mend } of checks) {
  console.log(`\n--- ${name}: ${command}`);
  const { status } = spawnSync(command, { shell: true, stdio: "inherit" });
  if (status !== 0) failed.push({ name, mend });
}

console.log("");
for (const { name, mend } of failed) console.log(`FAILED ${name}: ${mend}`);

const tests = readReport();
const checksFailed = failed.filter(({ name }) => name !== "tests").length;
const passed = checks.length - 1 - checksFailed + tests.passed;
// A run that broke off before it could report has failed, too.
const broken = failed.length > checksFailed && tests.failed === 0 ? 1 : 0;
console.log(`${passed} passed, ${checksFailed + tests.failed + broken} failed`);
rmSync(scratch, { recursive: true });
process.exitCode = failed.length === 0 ? 0 : 1;

function readReport() {
  try {
    const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(testReport, "utf8"));
    return { passed: numPassedTests, failed: numFailedTests };
  } catch {
    return { passed: 0, failed: 0 };
  }
}
