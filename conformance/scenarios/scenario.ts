import type { Kit } from "../kit/kit.js";
import type { ModelMethod } from "../kit/model.js";
import type { RuleId } from "../kit/rules.js";
import type { WorkerFacts } from "../kit/worker-facts.js";

/** One behaviour that the kit tests. */
export interface Scenario {
  /** Its name on the command line and in reports. Its meaning never changes. */
  id: string;
  /** What a correct worker does, as a sentence. */
  title: string;
  /** The paragraphs of docs/protocol.md that it checks. */
  rules: readonly RuleId[];
  /** The methods of the model that it requires. */
  needs: readonly ModelMethod[];
  /** Returns why a worker does not claim it, apart from a missing method; undefined if it does. */
  notClaimed?(worker: WorkerFacts): string | undefined;
  /** @throws ConformanceFailure if the worker does not behave as it must. */
  run(kit: Kit): Promise<void>;
}
