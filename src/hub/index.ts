/**
 * The hub.
 *
 * @module gibbs/hub
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
export { DEFAULT_ADDRESS, type RequestOptions } from "../base/options/common-options.js";
export { Hub } from "./hub.js";
export type { HubOptions } from "./options.js";
