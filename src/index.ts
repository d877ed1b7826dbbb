/**
 * gibbs: slow code behind one address.
 *
 * @module gibbs
 */

export * from "./client/index.js";
export * from "./hub/index.js";
export * from "./worker/index.js";
