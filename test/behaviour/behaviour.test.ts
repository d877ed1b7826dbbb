import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFailed } from "vitest";
import { root } from "../support/root.js";
import { type CallerName, type Case, callers, isForAnyWorker, readCases } from "./case.js";
import { Run, runHere, runProgram } from "./run.js";
import { runnerOf } from "./runners.js";
import { startHere, startIn } from "./sdk-workers.js";
import type { StartWorker } from "./stage.js";

const cases = readCases();

describe("the suite", () => {
  it("has cases of different names, each of whose requests has an outcome", () => {
    const names = cases.map(({ name }) => name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    const wrong = cases.filter(({ steps, told }) => {
      const sent = steps.flatMap((step) => {
        if ("send" in step) return step.send;
        if ("sendCancelled" in step) return step.sendCancelled;
        return "map" in step ? step.map : [];
      });
      return Object.keys(told).some((name) => !sent.includes(name));
    });
    expect(wrong.map(({ name }) => name)).toEqual([]);
  });
});

/** Reasons that a caller can be told, but in no case: why not. */
const untold: Readonly<Record<string, string>> = {
  SLOW_READER: "the hub waits for half a minute: test/faults, C9",
  TOO_MANY_CALLS: "an SDK opens a further stream instead, as a case shows",
  OUTBOX_FULL: "it takes 256 MiB: the SDKs' own tests",
  TRANSPORT: "it takes a hub that breaks the protocol: the SDKs' own tests",
  INTERNAL: "it takes a fault of the hub",
};

describe("the reasons that callers can be told", () => {
  it("are told in a case, or it is known why not", () => {
    const [, told = ""] = readFileSync(join(root, "docs/reliability.md"), "utf8")
      .split(/^## .*$/m)
      .slice(1);
    const [ofCalls = ""] = told.split("A worker's stream ends");
    const documented = ofCalls.matchAll(/^\|[^|]+\| (?:its code|[A-Z_]+) \| ([A-Z_]+) \|/gm);
    const reasons = new Set(Array.from(documented, ([, reason = ""]) => reason));
    expect(reasons.size).toBeGreaterThan(25);
    const covered = new Set(
      cases.flatMap((one) => Object.values(one.told).flatMap(({ reason = [] }) => reason)),
    );
    const missing = [...reasons].filter((reason) => !covered.has(reason)).sort();
    expect(missing).toEqual(Object.keys(untold).sort());
  });
});

/** The runners of other languages are built first. */
const timeout = 5 * 60_000;

describe.each(callers)("%s", (caller) => {
  it("is told what every case says", { timeout }, async (context) => {
    const mine = cases.filter(({ cannot }) => cannot?.[caller] === undefined);
    const run = runOf(caller);
    const runner = isHere(caller) ? undefined : await runnerOf(caller, context);
    await performAll(mine, run, runner);
    const named = cases.filter(({ cannot }) => cannot?.[caller] !== undefined).length;
    console.log(`${caller}: ${run.ran} cases, and ${named} that it cannot do, of ${cases.length}`);
    expect(run.wrong).toEqual([]);
    // Each SDK performs every case, or the case says why it cannot.
    expect(run.ran + named).toBe(cases.length);
  });
});

describe.each(["typescript-multiplex", "python-async", "go-multiplex"] as const)("%s", (caller) => {
  it("is told the same by the workers of its SDK", { timeout }, async (context) => {
    const playable = cases.filter(isForAnyWorker);
    const mine = playable.filter(({ cannot }) => cannot?.[caller] === undefined);
    expect(mine.length).toBeGreaterThan(40);
    const run = runOf(caller);
    if (isHere(caller)) await performAll(mine, run, undefined, startHere);
    else {
      const runner = await runnerOf(caller, context);
      const workers = await runnerOf(`${caller.split("-")[0]}-worker`, context);
      await performAll(mine, run, runner, startIn(workers));
    }
    console.log(`${caller}: ${run.ran} cases with workers of its SDK`);
    expect(run.wrong).toEqual([]);
    expect(run.ran).toBe(mine.length);
  });
});

/**
 * Performs cases, with a runner or in this process. Deadlines pass in real time: on a machine that
 * stalls for longer, a case with a time limit may end otherwise. It is then performed once more,
 * without the others.
 */
async function performAll(
  mine: readonly Case[],
  run: Run,
  runner: Awaited<ReturnType<typeof runnerOf>> | undefined,
  startWorker?: StartWorker,
): Promise<void> {
  const perform = (some: readonly Case[]): Promise<void> =>
    runner === undefined
      ? runHere(some, run, startWorker)
      : runProgram(some, runner, run, startWorker);
  await perform(mine);
  for (const one of mine.filter((some) => hasTimeLimit(some) && run.wrongOf(some).length > 0)) {
    console.warn(`${run.caller}, once more: ${run.wrongOf(one).join("\n")}`);
    await perform([one]);
  }
}

function hasTimeLimit({ hub, client, steps }: Case): boolean {
  return /Timeout\w*Ms"|"timeoutMs"/.test(JSON.stringify([hub, client, steps]));
}

function isHere(caller: CallerName): boolean {
  return caller.startsWith("typescript-");
}

function runOf(caller: CallerName): Run {
  const run = new Run(caller);
  onTestFailed(() => {
    console.error(`${caller} was at: ${[...run.open].join("; ") || "the end"}`);
    console.error(run.wrong.join("\n"));
  });
  return run;
}
