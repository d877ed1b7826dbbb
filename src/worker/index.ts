/**
 * Workers, in this process or in separate ones.
 *
 * @module gibbs/worker
 */

export type { Clock, Timer } from "../base/clock.js";
export {
  type Code,
  type ErrorDetail,
  type Execution,
  GibbsError,
  type GibbsErrorDetails,
} from "../base/errors/error.js";
export type { Logger } from "../base/logger.js";
export { DEFAULT_ADDRESS } from "../base/options/common-options.js";
export type { Random } from "../base/random.js";
export type { Handler, HandlerClass, Handlers, JobContext } from "./handler.js";
export type { WorkerOptions, WorkersOptions } from "./options.js";
export { Worker } from "./worker.js";
export { startWorkers, type Workers } from "./workers.js";
