import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../support/root.js";
import { allMutants } from "./mutants/all.js";
import { applyTo, locate } from "./mutants/fit.js";
import { SourceTree } from "./mutants/source-tree.js";

const queue = `
export class Queue {
  readonly #items: number[] = [];
  constructor(size: number) { this.reset(size, 0); }
  /** Appends this.reset(0). */
  push(item: number): void {
    // Comments do not count: this.#items.push(item);
    this.#items.push(
      item, // nor does this one
    );
    if (item < 0) this.reset(item, 1);
    if (item > 9) this.reset(item, 1);
  }
}
export const limits = { small: 1, large(n: number) { return n > 1; } } as const;
`;
const tree = new SourceTree([
  ["queue.ts", queue],
  ["reset.ts", "export function reset(n: number) {\n  return n > 1;\n}\n"],
]);

function outcome(at: string, find: string, replace = ""): string {
  try {
    const mutant = { name: "m", at, find, replace };
    return applyTo(queue, mutant, locate(mutant, tree));
  } catch (error) {
    return (error as Error).message;
  }
}

describe("the mutants of the simulation", () => {
  it("each fit src exactly once, and parse", () => {
    const src = SourceTree.read(join(root, "src"));
    const misfits = allMutants.flatMap((mutant) => {
      try {
        const match = locate(mutant, src);
        applyTo(readFileSync(join(root, "src", match.path), "utf8"), mutant, match);
        return [];
      } catch (error) {
        return [(error as Error).message];
      }
    });
    expect(misfits).toEqual([]);
  });

  it("have unique names", () => {
    const names = allMutants.map(({ name }) => name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });
});

describe("a mutant", () => {
  it("replaces its text within its declaration, however it is formatted", () => {
    const changed = outcome("Queue.push", "this.#items.push(item);", "this.#items.pop();");
    expect(changed).toBe(queue.replace(/this\.#items\.push\(\n[^)]*\);/, "this.#items.pop();"));
  });

  it.each([
    ["a constructor", "Queue.constructor", ", 0"],
    ["a private field", "Queue.#items", "= []"],
    ["a method of an object", "limits.large", "> 1"],
    ["a whole class", "Queue", "< 0"],
  ])("is found in %s", (_, at, find) => {
    expect(outcome(at, find, "= 5")).toBe(queue.replace(find, "= 5"));
  });

  it.each([
    [
      "Queue.push",
      "this.reset(item, 1);",
      "its text occurs 2 times, not once: queue.ts:11, queue.ts:12",
    ],
    [
      "Queue.constructor",
      "this.#items.push(item)",
      "its text occurs 0 times, not once; it occurs in Queue.push",
    ],
    ["Queue.push", "eset(item, 1)", "its text occurs 0 times, not once"],
    ["Queue.pop", "n > 1", "no declaration has that name; it occurs in limits.large, reset"],
  ])("that does not fit is reported: %s, %s", (at, find, why) => {
    expect(outcome(at, find)).toBe(`mutant "m" at ${at}: ${why}`);
  });

  it("must still parse as TypeScript", () => {
    expect(outcome("Queue.push", "if (item < 0)", "else")).toMatch(
      /^mutant "m" at Queue.push: does not parse once replaced: /,
    );
  });
});
