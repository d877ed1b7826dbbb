import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type * as Gibbs from "../../src/index.js";

/** The folder of the build under test; programs started by a run inherit it. */
export function buildFolder(): string {
  return resolve(process.env["CHAOS_BUILD"] ?? "dist");
}

/** Loads the library from that build. */
export function loadGibbs(): Promise<typeof Gibbs> {
  return import(pathToFileURL(`${buildFolder()}/index.js`).href);
}
