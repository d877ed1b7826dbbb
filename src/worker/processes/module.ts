import { existsSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { gibbsError } from "../../base/errors/reasons.js";

/** A module that a worker process can load. */
export interface ResolvedModule {
  /** Its `file:` URL. */
  moduleUrl: string;
  /** Node options that make it loadable. */
  execArgv: readonly string[];
}

const typescript: ReadonlySet<string> = new Set([".ts", ".mts", ".cts", ".tsx"]);

/**
 * Finds the module at `path`, relative to the working directory, and the Node options needed to
 * load it.
 *
 * @throws GibbsError NOT_FOUND / MODULE_NOT_FOUND, or FAILED_PRECONDITION / NO_LOADER for
 * TypeScript if neither this Node nor tsx can load it.
 */
export function resolveModule(path: string | URL): ResolvedModule {
  const file = path instanceof URL ? path : pathToFileURL(resolve(path));
  if (!existsSync(file) || !statSync(file).isFile()) {
    const message = `there is no module at ${path instanceof URL ? path.href : resolve(path)}`;
    throw gibbsError("MODULE_NOT_FOUND", message);
  }
  const stripsTypes = Boolean((process.features as { typescript?: unknown }).typescript);
  const isTypeScript = typescript.has(extname(file.pathname));
  if (!isTypeScript || stripsTypes) return { moduleUrl: file.href, execArgv: [] };
  return { moduleUrl: file.href, execArgv: ["--import", findTsx(file)] };
}

/** Finds tsx's loader: next to the module, in the working directory, or in this package. */
function findTsx(module: URL): string {
  for (const base of [module, pathToFileURL(`${process.cwd()}/`), new URL(import.meta.url)]) {
    try {
      return pathToFileURL(createRequire(base).resolve("tsx")).href;
    } catch {
      // Try the next place.
    }
  }
  const message =
    `Node ${process.versions.node} cannot load ${module.pathname}: install tsx (npm install tsx), ` +
    "use Node 22.18 or newer, or compile the module to JavaScript";
  throw gibbsError("NO_LOADER", message);
}
