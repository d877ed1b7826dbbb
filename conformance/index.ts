export { conformanceOptionTable } from "./kit/times.js";
export type { WorkerFacts } from "./kit/worker-facts.js";
export {
  type ConformanceReport,
  type FailureReport,
  type Outcome,
  runConformance,
  type ScenarioReport,
} from "./run.js";
export { scenarios } from "./scenarios/index.js";
export type { Scenario } from "./scenarios/scenario.js";
