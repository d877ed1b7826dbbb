import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { conformanceOptionTable } from "../../conformance/kit/times.js";
import { DEFAULT_ADDRESS, requestOptionTable } from "../../src/base/options/common-options.js";
import { fixed } from "../../src/base/options/limits.js";
import { type AnyOptionEntry, withDefaults } from "../../src/base/options/option-table.js";
import { HOUR, KiB, MINUTE, MiB, SECOND } from "../../src/base/options/units.js";
import { clientOptionTable, mapOptionTable } from "../../src/client/options.js";
import { hubOptionTable } from "../../src/hub/options.js";
import { workerOptionTable, workersOptionTable } from "../../src/worker/options.js";
import { root } from "../support/running.js";

/** Checks that the option tables, their doc comments and the README agree. */

type Table = Readonly<Record<string, AnyOptionEntry>>;

const owners: [name: string, file: string, table: Table][] = [
  ["RequestOptions", "src/base/options/common-options.ts", requestOptionTable],
  ["HubOptions", "src/hub/options.ts", hubOptionTable],
  ["WorkerOptions", "src/worker/options.ts", workerOptionTable],
  ["WorkersOptions", "src/worker/options.ts", workersOptionTable],
  ["ClientOptions", "src/client/options.ts", clientOptionTable],
  ["MapOptions", "src/client/options.ts", mapOptionTable],
  ["ConformanceTimes", "conformance/kit/times.ts", conformanceOptionTable],
];

/** The doc comments of an interface, by member. */
function comments(file: string, name: string): Map<string, string> {
  const text = readFileSync(join(root, file), "utf8");
  const body = new RegExp(`export interface ${name}\\b[^{]*\\{\\n([^]*?)\\n\\}`).exec(text)?.[1];
  const members = (body ?? "").matchAll(/\/\*\*([\s\S]*?)\*\/\s*(\w+)\??:/g);
  return new Map(
    Array.from(members, ([, comment = "", member = ""]) => [
      member,
      comment.replace(/\s+\*?\s*/g, " "),
    ]),
  );
}

/** A default as the doc comments state it. */
function written({ default: usual, unit }: AnyOptionEntry): string {
  if (typeof usual === "number") return writtenNumber(usual, unit);
  if (usual === DEFAULT_ADDRESS) return "{@link DEFAULT_ADDRESS}";
  if (Array.isArray(usual)) return usual.length === 0 ? "none" : usual.join(", ");
  if (typeof usual === "object") return "none";
  if (typeof usual === "boolean") return String(usual);
  return usual === "" ? '""' : `\`${usual}\``;
}

function writtenNumber(value: number, unit: AnyOptionEntry["unit"]): string {
  if (unit === "count") return value.toLocaleString("en-US");
  const scales: [name: string, size: number][] =
    unit === "bytes"
      ? [
          ["MiB", MiB],
          ["KiB", KiB],
        ]
      : [
          ["h", HOUR],
          ["min", MINUTE],
          ["s", SECOND],
          ["ms", 1],
        ];
  const [name, size] = scales.find(([, scale]) => value >= scale) ?? ["", 1];
  return `${value / size} ${name}`;
}

describe.each(owners)("%s", (name, file, table) => {
  const documented = comments(file, name);

  it("states the default of each option in its comment", () => {
    const wrong = Object.entries(table).flatMap(([option, entry]) => {
      // Options inherited from the parent interface are checked there.
      const comment = documented.get(option);
      if (comment === undefined && name === "WorkersOptions") return [];
      const said = / Default:? (.*)$/.exec(comment ?? "")?.[1] ?? "";
      if (entry.default === undefined) return said === "" ? [`${option}: no default`] : [];
      const expected = written(entry);
      const fits = said.startsWith(expected) && /^([.,] |\.$)/.test(said.slice(expected.length));
      return fits ? [] : [`${option}: "${said}", not "${expected}"`];
    });
    expect(wrong).toEqual([]);
  });

  it("names the unit in the option's name", () => {
    const suffixes = { ms: /Ms$/, bytes: /Bytes$/, count: /^(?!.*(Ms|Bytes)$)/ };
    const wrong = Object.entries(table).filter(
      ([option, { unit }]) => unit !== undefined && !suffixes[unit].test(option),
    );
    expect(wrong).toEqual([]);
  });

  it("has a flag with the option's name", () => {
    const wrong = Object.entries(table).filter(([option, { flag }]) => {
      if (flag === undefined || exceptions.has(option)) return false;
      const words = option
        .replace(/(Ms|Bytes)$/, "")
        .replace(/[A-Z]/g, "-$&")
        .toLowerCase();
      return !` ${flag[0]} `.includes(` --${words} `);
    });
    expect(wrong.map(([option]) => option)).toEqual([]);
  });

  it("accepts its own defaults", () => {
    const settings: unknown = withDefaults<Record<string, unknown>>(table, defaultsOf(table));
    expect(settings).toEqual(defaultsOf(table));
  });
});

/** Options whose flags have different names. */
const exceptions = new Set(["sendStacks", "answerTimeoutMs"]);

function defaultsOf(table: Table): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(table).map(([option, entry]) => [option, entry.default]),
  );
}

describe("an option of a request", () => {
  it("has the defaults that the README states", () => {
    const readme = readFileSync(join(root, "README.md"), "utf8");
    const row = (option: string): string | undefined =>
      new RegExp(`^\\| \`${option}\` \\|[^|]*\\| ([^|]*) \\|`, "m").exec(readme)?.[1];
    expect(row("timeoutMs")).toBe(written(clientOptionTable.timeoutMs));
    expect(row("maxAttempts")).toBe(String(fixed.defaultAttempts));
  });

  it("has the default of the client in the help of its flag", () => {
    const minutes = clientOptionTable.timeoutMs.default / MINUTE;
    expect(requestOptionTable.timeoutMs.flag?.[1]).toContain(`(default: ${minutes}m)`);
  });

  it("has the default attempts in its comment", () => {
    const comment = comments("src/base/options/common-options.ts", "RequestOptions").get(
      "maxAttempts",
    );
    expect(comment).toContain(`1 to ${fixed.maxAttempts}. Default ${fixed.defaultAttempts}.`);
  });
});
