import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../support/root.js";
import { circlesIn } from "./circles.js";
import { coreMayImport, draw, mayImport, roomOf, roomsOf } from "./rooms.js";
import { linesWith, sourcesIn } from "./sources.js";

/** The house rules. Each test lists what breaks its rule. */

const MAX_FILE_LINES = 300;
const MAX_CORE_LINES = 2_000;
const MAX_FOLDER_FILES = 14;

const all = [
  ...sourcesIn("src"),
  // The models and the wrong workers, which are JavaScript, count as users of the library.
  ...sourcesIn("conformance").filter(({ path }) => path.endsWith(".ts")),
];
const src = all.filter(({ path }) => roomOf(path) !== "gen");
const core = src.filter(({ path }) => roomOf(path) === "hub/core");
const tests = sourcesIn("test");

describe("the house", () => {
  it("imports in one direction", () => {
    const wrong = all.flatMap(({ path, imports }) =>
      imports
        .filter((imported) => roomOf(imported) !== roomOf(path))
        .filter((imported) => !mayImport[roomOf(path)]?.includes(roomOf(imported)))
        .filter((imported) => roomOf(path) !== "hub/core" || !coreMayImport.test(imported))
        .map((imported) => `${path} imports ${imported}`),
    );
    expect(wrong).toEqual([]);
  });

  it("has no import cycles, type-only ones included", () => {
    const circles = circlesIn(new Map(src.map(({ path, imports }) => [path, imports])));
    expect(circles.map((circle) => [...circle, circle[0]].join(" -> "))).toEqual([]);
  });

  it("looks as ARCHITECTURE.md draws it", () => {
    const page = readFileSync(join(root, "ARCHITECTURE.md"), "utf8");
    const [, drawn] = /^```text house\n(.*?)^```$/ms.exec(page) ?? [];
    const house = draw(roomsOf(all));
    expect(drawn, `the block \`text house\` of ARCHITECTURE.md must be:\n\n${house}\n`).toBe(house);
  });

  it("touches timers and clocks in one file, and in the demo that measures", () => {
    const allowed = /^src\/(base\/clock|cli\/demo(\/.*)?)\.ts$/;
    const banned = /\b(setTimeout|setInterval|setImmediate|Date\.now|performance\.now|new Date)\b/;
    expect(linesWith(src, banned, allowed)).toEqual([]);
  });

  it("keeps gRPC, promises and logs out of the core", () => {
    expect(core.length).toBeGreaterThan(5);
    expect(
      linesWith(core, /grpc-js|nice-grpc|\bPromise\b|\basync\b|\bconsole\b|[lL]ogger/),
    ).toEqual([]);
  });

  it("imports generated code only where it meets the wire", () => {
    const wrong = src.filter(
      ({ path, imports }) =>
        roomOf(path) !== "wire" && imports.some((one) => roomOf(one) === "gen"),
    );
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  it(`has no file of more than ${MAX_FILE_LINES} lines`, () => {
    const long = src
      .map(({ path, text }) => ({ path, lines: linesOf(text) }))
      .filter(({ lines }) => lines > MAX_FILE_LINES);
    expect(long).toEqual([]);
  });

  it(`has a core of at most ${MAX_CORE_LINES} lines`, () => {
    const lines = core.reduce((sum, { text }) => sum + linesOf(text), 0);
    expect(lines).toBeLessThanOrEqual(MAX_CORE_LINES);
  });

  it(`has no folder of more than ${MAX_FOLDER_FILES} files`, () => {
    const counts = new Map<string, number>();
    for (const { path } of src) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1);
    expect([...counts].filter(([, files]) => files > MAX_FOLDER_FILES)).toEqual([]);
  });

  it("does not sleep in tests", () => {
    const banned = /\b(?:(?:setTimeout|setInterval|timers\/promises)\b|sleep\()/;
    expect(linesWith(tests, banned, /^test\/house\//)).toEqual([]);
  });
});

describe("a cycle", () => {
  it("is the shortest way back, once for all nodes in it", () => {
    const graph = new Map([
      ["a", ["b"]],
      ["b", ["c", "e"]],
      ["c", ["d"]],
      ["d", ["b"]],
      ["e", ["b"]],
      ["f", ["f"]],
      ["g", ["h", "a"]],
      ["h", []],
    ]);
    expect(circlesIn(graph)).toEqual([["b", "e"], ["f"]]);
  });

  it("of two pairs counts as two", () => {
    const graph = new Map([
      ["a", ["b", "c"]],
      ["b", ["a"]],
      ["c", ["d"]],
      ["d", ["c"]],
    ]);
    expect(circlesIn(graph)).toEqual([
      ["a", "b"],
      ["c", "d"],
    ]);
  });
});

function linesOf(text: string): number {
  return text.trimEnd().split("\n").length;
}
