import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { root } from "../support/root.js";

/** A source file; paths are relative to the project root. */
export interface Source {
  path: string;
  text: string;
  /** The project files that it imports, including type-only imports. */
  imports: string[];
}

/** All TypeScript and JavaScript files under a folder. */
export function sourcesIn(folder: string): Source[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(ts|js)$/.test(name))
    .sort()
    .map((name) => {
      const path = join(folder, name);
      const text = readFileSync(join(root, path), "utf8");
      const specifiers = text.matchAll(/(?:from|import)\s*\(?\s*"([.#][^"]+)"/g);
      const imports = Array.from(specifiers, ([, specifier = ""]) => target(path, specifier));
      return { path, text, imports };
    });
}

/** The file an import refers to, relatively or through package.json's `imports`. */
function target(path: string, specifier: string): string {
  if (specifier === "#conformance") return "conformance/index.ts";
  const file = specifier.startsWith("#")
    ? specifier.replace("#", "src/")
    : join(dirname(path), specifier);
  return file.replace(/\.js$/, ".ts");
}

/** Each matching line of these files, as `path:line: text`; comments are ignored. */
export function linesWith(files: readonly Source[], banned: RegExp, allowed = /^$/): string[] {
  return files
    .filter(({ path }) => !allowed.test(path))
    .flatMap(({ path, text }) =>
      text
        .split("\n")
        .map((line, index) => ({ line, at: `${path}:${index + 1}` }))
        .filter(({ line }) => banned.test(line.replace(/\/\/.*|^\s*\/?\*.*/, "")))
        .map(({ line, at }) => `${at}: ${line.trim()}`),
    );
}
