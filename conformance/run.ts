import { type Clock, systemClock } from "#base/clock.js";
import { gibbsError } from "#base/errors/reasons.js";
import { withDefaults } from "#base/options/option-table.js";
import { ConformanceFailure } from "./kit/expectation.js";
import { Kit } from "./kit/kit.js";
import { type RuleId, rules } from "./kit/rules.js";
import { type ConformanceTimes, conformanceOptionTable } from "./kit/times.js";
import type { WorkerFacts } from "./kit/worker-facts.js";
import type { Scenario } from "./scenarios/scenario.js";

/** The number of lines of the journal, and of stderr, that a failure shows. */
const SHOWN_LINES = 16;

/** How a scenario ended. */
export type Outcome = "passed" | "failed" | "not claimed" | "skipped";

/** Why a scenario failed. */
export interface FailureReport {
  /** What the worker should have done. */
  expected: string;
  /** What it did instead. */
  got: string;
  /** The paragraphs of docs/protocol.md that require it. */
  rules: { id: RuleId; text: string }[];
  /** The last things that the hub and the worker sent. */
  journal: string[];
  /** The end of the worker's stderr. */
  stderr: string[];
}

/** The result of one scenario. */
export interface ScenarioReport {
  id: string;
  title: string;
  outcome: Outcome;
  tookMs: number;
  /** Why it is not claimed; absent otherwise. */
  why?: string;
  failure?: FailureReport;
}

/** The result of a run. */
export interface ConformanceReport {
  worker: WorkerFacts;
  scenarios: ScenarioReport[];
  tookMs: number;
}

/** What to run, and how. */
export interface ConformanceOptions {
  scenarios: readonly Scenario[];
  /**
   * The ids of scenarios that the worker claims; they fail if it lacks what they need. Default
   * none.
   */
  claimed?: ReadonlySet<string>;
  /** The ids of scenarios to skip. Default none. */
  skipped?: ReadonlySet<string>;
  times?: Partial<ConformanceTimes>;
  /** Aborts the run and kills the worker. */
  signal?: AbortSignal;
  clock?: Clock;
  /** Called when a scenario begins. */
  onBegin?(scenario: Scenario, worker: WorkerFacts): void;
  /** Called when a scenario has ended, or was not run. */
  onEnd?(report: ScenarioReport): void;
}

/**
 * Runs scenarios one after another against the worker that `command` starts.
 *
 * @throws GibbsError FAILED_PRECONDITION / WORKER_NOT_STARTED if the worker never sends
 * its first `ready`; the abort reason once `signal` fires.
 */
export async function runConformance(
  command: readonly string[],
  options: ConformanceOptions,
): Promise<ConformanceReport> {
  const { clock = systemClock, signal = new AbortController().signal } = options;
  const kit = new Kit(
    command,
    withDefaults(conformanceOptionTable, options.times ?? {}),
    clock,
    signal,
  );
  const startedAt = clock.now();
  try {
    const worker = await learnFacts(kit, command);
    const reports: ScenarioReport[] = [];
    for (const scenario of options.scenarios) {
      options.onBegin?.(scenario, worker);
      const report = await runScenario(kit, scenario, worker, options);
      reports.push(report);
      options.onEnd?.(report);
    }
    return { worker, scenarios: reports, tookMs: clock.now() - startedAt };
  } finally {
    await kit.stop();
  }
}

/** Starts the worker for the first time, to learn what it offers. */
async function learnFacts(kit: Kit, command: readonly string[]): Promise<WorkerFacts> {
  try {
    const session = await kit.freshSession();
    const { hello, methods, slots, maxSlots } = session;
    const { workerId, sdk } = hello;
    const facts = { workerId, sdk, methods, beatsWhileBusy: maxSlots > 1, slots };
    kit.facts = facts;
    return facts;
  } catch (error) {
    if (!(error instanceof ConformanceFailure)) throw error;
    const { expected } = error.expectation;
    const stderr = kit.process.stderrTail(SHOWN_LINES);
    const said = stderr.length === 0 ? "" : `\nIts stderr ends with:\n  ${stderr.join("\n  ")}`;
    const hint = `It must dial the address in GIBBS_HUB, which was ${kit.hub.address}.`;
    throw gibbsError(
      "WORKER_NOT_STARTED",
      `"${command.join(" ")}" did not come up: expected ${expected}, but ${error.got}. ${hint}${said}`,
      { cause: error },
    );
  }
}

async function runScenario(
  kit: Kit,
  scenario: Scenario,
  worker: WorkerFacts,
  { claimed, skipped }: ConformanceOptions,
): Promise<ScenarioReport> {
  const { id, title } = scenario;
  const notRun = { id, title, tookMs: 0 };
  if (skipped?.has(id)) return { ...notRun, outcome: "skipped" };
  const why = whyNotClaimed(scenario, worker);
  if (why !== undefined && !claimed?.has(id)) return { ...notRun, outcome: "not claimed", why };
  const startedAt = kit.clock.now();
  const took = (): number => Math.round(kit.clock.now() - startedAt);
  kit.journal.clear();
  try {
    if (why !== undefined) {
      const expectation = {
        expected: `everything that "${id}" needs, since it is claimed`,
        rules: scenario.rules,
      };
      throw new ConformanceFailure(expectation, why);
    }
    await scenario.run(kit);
    return { id, title, outcome: "passed", tookMs: took() };
  } catch (error) {
    if (!(error instanceof ConformanceFailure)) throw error;
    return { id, title, outcome: "failed", tookMs: took(), failure: describeFailure(kit, error) };
  }
}

function whyNotClaimed(scenario: Scenario, worker: WorkerFacts): string | undefined {
  const missing = scenario.needs.filter((method) => !worker.methods.includes(method));
  if (missing.length > 0) return `it does not offer ${missing.join(", ")}`;
  return scenario.notClaimed?.(worker);
}

function describeFailure(kit: Kit, { expectation, got }: ConformanceFailure): FailureReport {
  return {
    expected: expectation.expected,
    got,
    rules: expectation.rules.map((id) => ({ id, text: rules[id] })),
    journal: kit.journal.tail(SHOWN_LINES),
    stderr: kit.process.stderrTail(SHOWN_LINES),
  };
}
