import type { CallerName, Case } from "./case.js";
import { judge, type Reported } from "./judge.js";
import { Program } from "./program.js";
import { Stage, type StartWorker } from "./stage.js";
import { clientOf, hubAsCaller, perform } from "./typescript.js";

/** How many cases TypeScript's runner performs at once; the other runners choose themselves. */
const AT_ONCE = 8;

/** What became of the cases of one caller. */
export class Run {
  /** The cases that are under way. */
  readonly open: Set<string> = new Set();
  /** Everything that was not as its case says, by case. */
  readonly #wrong = new Map<string, readonly string[]>();
  /** The names of the cases that were performed. */
  readonly #ran = new Set<string>();
  readonly caller: CallerName;

  constructor(caller: CallerName) {
    this.caller = caller;
  }

  get ran(): number {
    return this.#ran.size;
  }

  get wrong(): string[] {
    return [...this.#wrong.values()].flat();
  }

  /** What was wrong with a case when it was last performed. */
  wrongOf({ name }: Case): readonly string[] {
    return this.#wrong.get(name) ?? [];
  }

  /** Has one case performed on a stage of its own, and judges it. */
  async judge(
    one: Case,
    startWorker: StartWorker | undefined,
    performOn: (stage: Stage) => Promise<Record<string, Reported>>,
  ): Promise<void> {
    this.open.add(one.name);
    const stage = await Stage.open(one, startWorker);
    try {
      const told = await performOn(stage);
      this.#wrong.set(one.name, judge(this.caller, one, told, stage.cues.jobs));
      this.#ran.add(one.name);
    } finally {
      await stage.close();
    }
    this.open.delete(one.name);
  }
}

/** Performs the cases in this process. */
export async function runHere(
  cases: readonly Case[],
  run: Run,
  startWorker?: StartWorker,
): Promise<void> {
  const left = [...cases];
  const work = async (): Promise<void> => {
    for (let one = left.shift(); one !== undefined; one = left.shift()) {
      await run.judge(one, startWorker, (stage) => performHere(one as Case, run.caller, stage));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

async function performHere(
  one: Case,
  name: CallerName,
  stage: Stage,
): Promise<Record<string, Reported>> {
  if (name === "typescript-hub") {
    return perform(one, hubAsCaller(stage.hub), (step) => stage.perform(step));
  }
  const transport = name === "typescript-unary" ? "unary" : "multiplex";
  const client = clientOf(one, stage.address, transport);
  try {
    return await perform(one, client, (step) => stage.perform(step));
  } finally {
    client.close();
  }
}

/**
 * Has a program perform the cases. It reads them itself, and asks for each
 *
 * - `{"case": ..., "open": true}`: to open its stage; the reply has the `address`;
 * - `{"case": ..., "step": n}`: to have the stage perform its step `n`; the reply repeats that;
 * - `{"case": ..., "told": {...}}`: to be judged.
 *
 * At the end it says `{"ran": n}`. On stdin it gets `{"run": [names]}`, and the replies.
 */
export async function runProgram(
  cases: readonly Case[],
  command: readonly [string, ...string[]],
  run: Run,
  startWorker?: StartWorker,
): Promise<void> {
  const told = new Map<string, (told: Record<string, Reported>) => void>();
  const stages = new Map<string, Stage>();
  const all: Promise<void>[] = [];
  let failed: unknown;
  let said = -1;
  const fail = (error: unknown): void => {
    failed ??= error;
    program.leave();
  };
  const program = new Program(command, (line) => {
    if (typeof line["ran"] === "number") {
      said = line["ran"];
      return program.leave();
    }
    const name = String(line["case"]);
    const one = cases.find((found) => found.name === name);
    if (one === undefined) return fail(new Error(`there is no case "${name}"`));
    if (line["open"] === true) {
      const judged = run.judge(one, startWorker, (stage) => {
        stages.set(name, stage);
        program.say({ case: name, address: stage.address });
        return new Promise((resolve) => told.set(name, resolve));
      });
      all.push(judged.catch(fail));
    } else if (typeof line["step"] === "number") {
      const step = one.steps[line["step"]];
      if (step === undefined || !("stage" in step)) return fail(new Error(`${name}: no such step`));
      const performed = stages.get(name)?.perform(step);
      performed?.then(() => program.say(line), fail);
    } else told.get(name)?.(line["told"] as Record<string, Reported>);
  });
  program.say({ run: cases.map(({ name }) => name) });
  const code = await program.ended;
  if (code !== 0 || said !== cases.length) {
    throw new Error(
      `${command.join(" ")} ended with ${code} after ${said} cases:\n${program.stderr}`,
      {
        cause: failed,
      },
    );
  }
  await Promise.all(all);
  if (failed !== undefined) throw failed;
}
