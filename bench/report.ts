import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, totalmem, type } from "node:os";
import { join } from "node:path";
import type { Benchmark, Result } from "./benchmark.js";
import type { Flags } from "./flags.js";
import { root } from "./paths.js";
import { NOT_INSTALLED, type Peers } from "./peers.js";
import { toTable } from "./table.js";

/** A benchmark that has run, or that failed and has no figures. */
export interface Done {
  benchmark: Pick<Benchmark, "id" | "question">;
  result: Result;
  failure?: string;
}

/** The machine, versions and settings of a run. */
export interface Conditions {
  machine: string;
  node: string;
  commit: string;
  nats: string;
  original: string;
  python: string;
  mosec: string;
  runs: number;
  /** The load before the first benchmark: runnable processes, averaged over a minute. */
  load: string;
  /** How loaded the machine was during the run; see `HostLoad`. */
  loadDuring: string;
  date: string;
}

/** The conditions of a run that starts now. */
export function conditions(
  { nats, original, python, mosec }: Peers,
  { runs }: Flags,
): Omit<Conditions, "loadDuring"> {
  const model = cpus()[0]?.model.trim() || process.arch;
  const memory = `${Math.round(totalmem() / 1024 ** 3)} GiB`;
  return {
    machine: `${availableParallelism()} cores (${model}), ${memory}, ${type()} ${release()}`,
    node: process.version,
    commit: commit(),
    nats: nats?.version ?? NOT_INSTALLED,
    original: original?.version ?? NOT_INSTALLED,
    python: python?.version ?? NOT_INSTALLED,
    mosec: mosec?.version ?? NOT_INSTALLED,
    runs,
    load: `${loadavg()[0]?.toFixed(1)} processes wanted a core before`,
    date: new Date().toISOString().slice(0, 10),
  };
}

/** Writes `results.md`, `results.json` and the charts into `folder`. */
export function writeReport(folder: string, where: Conditions, done: readonly Done[]): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "results.md"), toMarkdown(where, done));
  const all = done.map(({ benchmark: { id, question }, result: { rows, details }, failure }) => {
    return { id, question, failure, rows, details };
  });
  const json = JSON.stringify({ ...where, benchmarks: all }, null, 1);
  writeFileSync(join(folder, "results.json"), `${json}\n`);
  for (const { benchmark, result } of done) {
    if (result.picture === undefined) continue;
    writeFileSync(join(folder, `${benchmark.id.toLowerCase()}.svg`), result.picture);
  }
}

/** The table, followed by failures and the number of floors and goals met. */
export function summary(done: readonly Done[]): string {
  const rows = done.flatMap(({ result }) => result.rows);
  const failures = done.flatMap(({ benchmark, failure }) =>
    failure === undefined ? [] : [`**${benchmark.id} FAILED** and has no figures: ${failure}`],
  );
  const counts = (["goal met", "floor met", "goal missed", "missed"] as const)
    .map((verdict) => ({ verdict, times: rows.filter((row) => row.verdict === verdict).length }))
    .filter(({ times }) => times > 0)
    .map(({ verdict, times }) => `${times} ${verdict}`);
  return [toTable(rows), ...failures, counts.join(", ")].join("\n\n");
}

function toMarkdown(where: Conditions, done: readonly Done[]): string {
  const questions = done.map(({ benchmark }) => `- **${benchmark.id}** ${benchmark.question}`);
  return `# Results

Written by \`npm run bench\`; [notes.md](notes.md) tells how the figures are taken.

| | |
|---|---|
| machine | ${where.machine} |
| Node | ${where.node} |
| commit | ${where.commit} |
| NATS | ${where.nats} |
| the original | ${where.original} |
| in Python | ${where.python} |
| mosec | ${where.mosec} |
| other load | ${where.load} |
| during the run | ${where.loadDuring} |
| measured | ${where.date}, median of ${where.runs}, each in turn with its peers |

${questions.join("\n")}

${summary(done)}
`;
}

/** The commit being measured, and whether the work tree differs from it. */
function commit(): string {
  const git = (...args: string[]): string =>
    spawnSync("git", args, { cwd: root, encoding: "utf8" }).stdout?.trim() ?? "";
  const id = git("rev-parse", "--short", "HEAD") || "unknown";
  return git("status", "--porcelain", "--", "src") === "" ? id : `${id}, changed`;
}
