/**
 * The client, which sends requests to a hub.
 *
 * @module gibbs/client
 */

export type { Clock, Timer } from "../base/clock.js";
export {
  type Code,
  type ErrorDetail,
  type Execution,
  GibbsError,
  type GibbsErrorDetails,
} from "../base/errors/error.js";
export { DEFAULT_ADDRESS, type RequestOptions } from "../base/options/common-options.js";
export { type Answer, Client } from "./client.js";
export type { ClientOptions, MapOptions } from "./options.js";
