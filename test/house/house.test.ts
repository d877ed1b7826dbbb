import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../support/running.js";

/** The rules of the house: each is a list of what breaks it. */

interface Source {
  path: string;
  text: string;
  /** The files of this project that it imports, from the root. */
  imports: string[];
}

function sources(folder: string): Source[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(ts|js)$/.test(name))
    .map((name) => {
      const path = join(folder, name);
      const text = readFileSync(join(root, path), "utf8");
      const specifiers = text.matchAll(/(?:from|import)\s*\(?\s*"([.#][^"]+)"/g);
      const imports = Array.from(specifiers, ([, specifier = ""]) => target(path, specifier));
      return { path, text, imports };
    });
}

/** The file that an import means, be it relative or by package.json's `imports`. */
function target(path: string, specifier: string): string {
  if (specifier === "#conformance") return "conformance/index.ts";
  const file = specifier.startsWith("#")
    ? specifier.replace("#", "src/")
    : join(dirname(path), specifier);
  return file.replace(/\.js$/, ".ts");
}

/** The kit; the workers beside it are what it is tried on. */
const kit = sources("conformance").filter(({ path }) => path.endsWith(".ts"));
const all = [...sources("src"), ...kit];
const src = all.filter(({ path }) => !path.startsWith("src/gen/"));
const tests = sources("test");

/** The room of a file: conformance, the first folder below src, or the two first for the core. */
function room(path: string): string {
  if (path.startsWith("conformance/")) return "conformance";
  if (path.startsWith("src/hub/core/")) return "hub/core";
  return /^src\/([^/]+)\//.exec(path)?.[1] ?? "root";
}

/** Which rooms a room may look into. */
const mayImport: Record<string, string[]> = {
  base: [],
  protobuf: ["base"],
  gen: ["base", "protobuf"],
  wire: ["base", "protobuf", "gen"],
  "hub/core": [],
  hub: ["base", "wire", "hub/core"],
  worker: ["base", "wire"],
  client: ["base", "wire"],
  conformance: ["base", "wire"],
  cli: ["base", "hub", "worker", "client", "conformance"],
  root: ["hub", "worker", "client"],
};

describe("the house", () => {
  it("imports in one direction", () => {
    const wrong = all.flatMap(({ path, imports }) =>
      imports
        .filter((imported) => room(imported) !== room(path))
        .filter((imported) => !mayImport[room(path)]?.includes(room(imported)))
        // The core knows nothing but itself, errors and containers.
        .filter(
          (imported) =>
            !(
              room(path) === "hub/core" &&
              /base\/(bag|error|failures|id-map|reasons)\.ts$/.test(imported)
            ),
        )
        .map((imported) => `${path} imports ${imported}`),
    );
    expect(wrong).toEqual([]);
  });

  it("touches timers and clocks in one file, and in the demo that measures", () => {
    const allowed = /^src\/(base\/clock|cli\/demo(\/.*)?)\.ts$/;
    const banned = /\b(setTimeout|setInterval|setImmediate|Date\.now|performance\.now|new Date)\b/;
    expect(offenders(src, banned, allowed)).toEqual([]);
  });

  it("keeps gRPC, promises and logs out of the core", () => {
    const core = src.filter(({ path }) => room(path) === "hub/core");
    expect(core.length).toBeGreaterThan(5);
    expect(
      offenders(core, /grpc-js|nice-grpc|\bPromise\b|\basync\b|\bconsole\b|[lL]ogger/),
    ).toEqual([]);
  });

  it("imports generated code only where it meets the wire", () => {
    const wrong = src.filter(
      ({ path, imports }) => room(path) !== "wire" && imports.some((one) => room(one) === "gen"),
    );
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  it("has no file of more than 300 lines", () => {
    const long = src.filter(({ text }) => text.split("\n").length > 301);
    expect(long.map(({ path }) => path)).toEqual([]);
  });

  it("does not sleep in tests", () => {
    const banned = /\b(setTimeout|setInterval|timers\/promises|sleep)\b/;
    expect(offenders(tests, banned, /^test\/house\//)).toEqual([]);
  });
});

function offenders(files: readonly Source[], banned: RegExp, allowed = /^$/): string[] {
  return files
    .filter(({ path }) => !allowed.test(path))
    .flatMap(({ path, text }) =>
      text
        .split("\n")
        .map((line, index) => ({ line, at: `${path}:${index + 1}` }))
        // What a comment says, or the name of a test, calls nothing.
        .filter(({ line }) => banned.test(line.replace(/\/\/.*|^\s*\/?\*.*/, "")))
        .map(({ line, at }) => `${at}: ${line.trim()}`),
    );
}
