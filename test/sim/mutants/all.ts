import { handOverMutants } from "./hand-over.js";
import { clientMutants, multiplexMutants } from "./multiplex.js";
import type { Mutant } from "./mutant.js";
import { requestMutants } from "./requests.js";
import { sessionMutants } from "./sessions.js";
import { workerMutants } from "./workers.js";

/** Every mutant that the simulation must find. */
export const allMutants: readonly Mutant[] = [
  ...requestMutants,
  ...sessionMutants,
  ...workerMutants,
  ...multiplexMutants,
  ...clientMutants,
  ...handOverMutants,
];
