import { cancel } from "./cancel.js";
import { context } from "./context.js";
import { drain } from "./drain.js";
import { errors } from "./errors.js";
import { handOver } from "./hand-over.js";
import { handshake } from "./handshake.js";
import { jobs } from "./jobs.js";
import { liveness } from "./liveness.js";
import { loss } from "./loss.js";
import type { Scenario } from "./scenario.js";
import { sizes } from "./sizes.js";
import { tolerance } from "./tolerance.js";

/** The scenarios by theme. Each theme has a file here and a folder of wrong workers. */
export const themes: Record<string, readonly Scenario[]> = {
  handshake,
  jobs,
  context,
  errors,
  cancel,
  tolerance,
  sizes,
  liveness,
  loss,
  drain,
  "hand-over": handOver,
};

/** All scenarios, in the order in which they run. */
export const scenarios: readonly Scenario[] = Object.values(themes).flat();
