import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import type { RunOptions, Verdict } from "../soak/crew.js";
import { moves } from "../soak/moves.js";
import { build } from "../soak/programs.js";
import { restarts } from "../soak/restarts.js";
import { toolOrSkip } from "../support/tools.js";

// Short versions of the long runs (npm run soak), with what no other test covers: clients without an
// SDK, and what looks names up by C-core.

const MINUTES = 60_000;

async function options(...names: string[]): Promise<RunOptions> {
  const folder = await mkdtemp(join(tmpdir(), "gibbs-soak-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const kinds = build(console.warn, names);
  return { kinds, folder, say: () => {} };
}

function failed(verdicts: readonly Verdict[]): string[] {
  expect(verdicts.length).toBeGreaterThan(0);
  return verdicts.filter(({ pass }) => !pass).map(({ name, text }) => `${name}: ${text}`);
}

it("a hub that restarts fails no call of a generated client", {
  timeout: 15 * MINUTES,
}, async (context) => {
  for (const tool of ["python3", "go", "java", "mvn"]) toolOrSkip(tool, context);
  const languages = ["Go", "Python generated", "Go generated", "Java generated"];
  const verdicts = await restarts({ restarts: 2, jobMs: 50, ...(await options(...languages)) });
  expect(failed(verdicts)).toEqual([]);
});

it("a hub whose name moves is found by what Python's gRPC library connects", {
  timeout: 15 * MINUTES,
}, async (context) => {
  for (const tool of ["python3", "go", "unshare"]) toolOrSkip(tool, context);
  const programs = ["Python", "Go", "Python unary", "Go multiplex"];
  expect(failed(await moves({ moves: 2, ...(await options(...programs)) }))).toEqual([]);
});
