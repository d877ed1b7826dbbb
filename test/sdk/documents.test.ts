import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../support/root.js";
import { languages } from "./languages.js";

/** The maximum number of lines in a file of the workers that are meant to be read. */
const MAX_LINES = 250;

/** A page, the folder with the code of its snippets, and their language. */
const pages = [
  { page: "sdk/go/README.md", folder: "sdk/go", language: "go", ending: ".go" },
  {
    page: "docs/workers/rust.md",
    folder: "examples/rust-worker/src",
    language: "rust",
    ending: ".rs",
  },
  {
    page: "docs/workers/java.md",
    folder: "examples/java-worker/src",
    language: "java",
    ending: ".java",
  },
  ...[
    { folder: "test/soak/programs", language: "typescript", ending: ".ts" },
    { folder: "test/soak/programs", language: "python", ending: ".py" },
    { folder: "sdk/go/internal/soak", language: "go", ending: ".go" },
    { folder: "test/soak/programs", language: "java", ending: ".java" },
  ].map((code) => ({ page: "docs/reliability.md", ...code })),
];

function read(...path: string[]): string {
  return readFileSync(join(root, ...path), "utf8");
}

function sources(folder: string, ending: string): { name: string; text: string }[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .map((name) => ({ name, text: read(folder, name) }));
}

/** Removes indentation: pages show code without the indentation that it has in its file. */
function flat(code: string): string {
  return code.replaceAll(/^[ \t]+/gm, "").trim();
}

describe("the pages of the workers", () => {
  it.each(pages)("$page shows $language code that exists", ({ page, folder, language, ending }) => {
    const files = sources(folder, ending).map(({ text }) => flat(text));
    const fences = read(page).matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, "gms"));
    const snippets = Array.from(fences, ([, code = ""]) => flat(code));
    expect(snippets).not.toEqual([]);
    expect(snippets.filter((code) => !files.some((text) => text.includes(code)))).toEqual([]);
  });

  it.each(["Rust", "Java"])("says how the %s worker is built, as the tests build it", (name) => {
    const command = languages.find((language) => language.name === name)?.build?.command;
    expect(read(`docs/workers/${name.toLowerCase()}.md`)).toContain(command?.join(" "));
  });

  it.each(pages.slice(1))(
    "$folder has no $language file of more than 250 lines",
    ({ folder, ending }) => {
      const long = sources(folder, ending).filter(
        ({ text }) => text.split("\n").length > MAX_LINES + 1,
      );
      expect(long.map(({ name }) => name)).toEqual([]);
    },
  );
});
