import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Model } from "../../conformance/kit/model.js";
import { rules } from "../../conformance/kit/rules.js";
import { scenarios } from "../../conformance/scenarios/index.js";
import { root } from "../support/root.js";

const read = (file: string): string => readFileSync(join(root, file), "utf8");

describe("the kit", () => {
  it("quotes docs/protocol.md, paragraph by paragraph", () => {
    const protocol = read("docs/protocol.md");
    const paragraphs = new Map(
      Array.from(protocol.matchAll(/^- \*\*([\d.]+)\*\* (.*)$/gm), ([, id = "", text = ""]) => [
        id,
        text,
      ]),
    );
    const misquoted = Object.entries(rules).filter(
      ([id, text]) => !paragraphs.get(id)?.includes(text),
    );
    expect(misquoted).toEqual([]);
  });

  it("quotes what a scenario checks, and nothing else", () => {
    const judged = new Set(scenarios.flatMap((scenario) => [...scenario.rules]));
    // Paragraphs that scenarios rely on without checking them.
    for (const asked of ["6.2"] as const) judged.add(asked);
    expect(Object.keys(rules).filter((id) => !judged.has(id as keyof typeof rules))).toEqual([]);
  });

  it("has one scenario of each name", () => {
    const ids = scenarios.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.toSorted()).toMatchSnapshot();
  });

  it("asks for the methods that its page describes", () => {
    const described = read("conformance/README.md").matchAll(/^\| `(conformance\.[a-z]+)`/gm);
    expect(Array.from(described, ([, name]) => name)).toEqual(Object.values(Model));
  });
});
