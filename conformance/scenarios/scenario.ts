import type { Kit } from "../kit/kit.js";
import type { ModelMethod } from "../kit/model.js";
import type { RuleId } from "../kit/rules.js";
import type { WorkerFacts } from "../kit/worker-facts.js";

/** One thing that is tried on a worker. */
export interface Scenario {
  /** Names it on the command line and in reports. Never changes its meaning. */
  id: string;
  /** What a right worker does, for people. */
  title: string;
  /** The paragraphs of docs/protocol.md that it judges by. */
  rules: readonly RuleId[];
  /** The methods of the model without which it cannot be tried. */
  needs: readonly ModelMethod[];
  /** Why a worker does not claim it, beyond a missing method; undefined if it does. */
  notClaimed?(worker: WorkerFacts): string | undefined;
  /** @throws ConformanceFailure if the worker does not do what it should. */
  run(kit: Kit): Promise<void>;
}
