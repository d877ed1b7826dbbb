import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import type { Code } from "../../src/base/errors/error.js";
import { reasons } from "../../src/base/errors/reasons.js";
import { root } from "../support/running.js";

/** Checks that the table of reasons, the code and the documents agree. */

interface ReasonInfo {
  by: readonly string[];
  code: Code | undefined;
  means: string;
}

const table: ReadonlyMap<string, ReasonInfo> = new Map(Object.entries(reasons));

interface File {
  path: string;
  text: string;
}

function read(path: string): File {
  return { path, text: readFileSync(join(root, path), "utf8") };
}

function filesIn(folder: string, name: RegExp): File[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => name.test(path) && !/node_modules|_gen|gibbsv1|gen\//.test(path))
    .map((path) => read(join(folder, path)));
}

const src = [...filesIn("src", /\.ts$/), ...filesIn("conformance", /\.ts$/)].filter(
  ({ path }) => path !== "src/base/errors/reasons.ts",
);
const sdks = [
  ...filesIn("sdk/go", /(?<!_test)\.go$/).filter(({ path }) => !path.includes("examples")),
  ...filesIn("sdk/python/gibbs_worker", /\.py$/),
];

/** The rows of a document's tables that have a code and a reason. */
function documented(path: string): { code: string; reason: string }[] {
  const rows = read(path).text.matchAll(/^\|[^|]+\| (its code|[A-Z_]+) \| ([A-Z_]+) \|/gm);
  return Array.from(rows, ([, code = "", reason = ""]) => ({ code, reason }));
}

/** The places where an expression matches a reason, as `path: REASON`. */
function mentions(files: readonly File[], expression: RegExp): { path: string; reason: string }[] {
  return files.flatMap(({ path, text }) =>
    Array.from(text.matchAll(expression), ([, reason = ""]) => ({ path, reason })),
  );
}

/** The part of gibbs that a file belongs to; undefined if all of them share it. */
function speaker(path: string): string | undefined {
  if (path.startsWith("conformance/")) return "kit";
  const room = /^src\/([^/]+)\//.exec(path)?.[1];
  return room === "base" || room === "wire" ? undefined : room;
}

describe("the table of reasons", () => {
  it.each(["docs/reliability.md", "docs/protocol.md"])("agrees with %s", (path) => {
    const rows = documented(path);
    expect(rows.length).toBeGreaterThan(20);
    const wrong = rows.filter(({ code, reason }) => {
      const entry = table.get(reason);
      return entry === undefined || (entry.code ?? "its code") !== code;
    });
    expect(wrong).toEqual([]);
  });

  it("has nothing undocumented", () => {
    const rows = [...documented("docs/reliability.md"), ...documented("docs/protocol.md")];
    const found = new Set(rows.map(({ reason }) => reason));
    expect([...table.keys()].filter((reason) => !found.has(reason))).toEqual([]);
  });

  it("has exactly the reasons that the code gives or looks for", () => {
    const given = [
      ...mentions(src, /\breason\)?:? *(?:[!=]==)? *"([A-Z_]+)"/g),
      ...mentions(src, /\b(?:gibbsError|hubFailure|fail)\(\s*(?:\w+,\s*)?"([A-Z_]+)"/g),
    ];
    expect(given.length).toBeGreaterThan(40);
    expect(given.filter(({ reason }) => !table.has(reason))).toEqual([]);
    const named = new Set(mentions([...src, ...sdks], /"([A-Z_]+)"/g).map(({ reason }) => reason));
    expect([...table.keys()].filter((reason) => !named.has(reason))).toEqual([]);
  });

  it("says who gives it", () => {
    const given = mentions(src, /\bgibbsError\(\s*"([A-Z_]+)"/g);
    const wrong = given.filter(({ path, reason }) => {
      const who = speaker(path);
      return who !== undefined && !table.get(reason)?.by.includes(who);
    });
    expect(wrong).toEqual([]);
  });

  it("is the only place where a reason meets its code", () => {
    const literal = mentions(src, /new GibbsError\("[A-Z_]+"[^;]*reason: "([A-Z_]+)"/g);
    expect(literal).toEqual([]);
  });

  it("has the reasons that the other SDKs give", () => {
    // Some are errors of HTTP/2, or variables of the environment.
    const others = /^(NOT_STARTED|ENHANCE_YOUR_CALM|REFUSED_STREAM|(GIBBS|GRPC|SOAK)_.*)$/;
    const wrong = mentions(sdks, /["']([A-Z]+_[A-Z_]+)["']/g).filter(
      ({ reason }) => !table.has(reason) && !(reason in status) && !others.test(reason),
    );
    expect(wrong.map(({ path, reason }) => `${path}: ${reason}`)).toEqual([]);
  });
});
