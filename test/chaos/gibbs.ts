import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type * as Gibbs from "../../src/index.js";

/** The folder of the build that is put to the test. The programs that a run starts inherit it. */
export function buildFolder(): string {
  return resolve(process.env["CHAOS_BUILD"] ?? "dist");
}

/** The library, as it was built. */
export function loadGibbs(): Promise<typeof Gibbs> {
  return import(pathToFileURL(`${buildFolder()}/index.js`).href);
}
