import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, type TestContext } from "vitest";
import { DEFAULT_ADDRESS, requestOptionTable } from "../../src/base/options/common-options.js";
import type { AnyOptionEntry } from "../../src/base/options/option-table.js";
import { HOUR, MINUTE, MiB, SECOND } from "../../src/base/options/units.js";
import { requestCommand } from "../../src/cli/request.js";
import { clientOptionTable, mapOptionTable } from "../../src/client/options.js";
import { hubOptionTable } from "../../src/hub/options.js";
import { workerOptionTable, workersOptionTable } from "../../src/worker/options.js";
import { root, start } from "../support/running.js";
import { toolOrSkip } from "../support/tools.js";

/** Compares docs/options.md with the options that each language has. */

/** Options by name, with their defaults; null for what has none. Times in milliseconds. */
type Options = Readonly<Record<string, unknown>>;

interface Row {
  /** The cells, by the first words of their column's title. */
  [title: string]: string;
}

const page = readFileSync(join(root, "docs/options.md"), "utf8");

/** The rows of the table under a heading. */
function rowsOf(heading: string): Row[] {
  const section = page.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  const lines = section.split("\n").filter((line) => line.startsWith("|"));
  const cells = lines.map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  const titles = cells[0]?.map((title) => title.replaceAll("`", "").split(":")[0] ?? "") ?? [];
  return cells
    .slice(2)
    .map((row) => Object.fromEntries(titles.map((title, index) => [title, row[index] ?? ""])));
}

/** The names in a cell, without what is in parentheses, or after `of`. */
function namesIn(cell: string): string[] {
  const own = cell.replace(/\(.*\)| of .*$/g, "");
  return Array.from(own.matchAll(/`([^`]+)`/g), ([, name = ""]) => name);
}

/** The default that a row states for a command, or for everything else. */
function statedDefault({ default: cell = "" }: Row, command?: string): string {
  const [usual = "", ...others] = cell.split("; ");
  const other = others.find((one) => one.startsWith(`\`${command}\`: `));
  return other?.split(": ")[1] ?? usual;
}

/** A default as the page writes it; undefined if the option is unset. */
function written(value: unknown, unit: string | undefined): string | undefined {
  if (value === null || value === undefined || value === DEFAULT_ADDRESS) return undefined;
  if (typeof value === "number") return writtenNumber(value, unit);
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.join(", ");
  if (typeof value === "object" || value === "") return undefined;
  return String(value);
}

function writtenNumber(value: number, unit: string | undefined): string {
  if (unit === "bytes") return `${value / MiB} MiB`;
  if (unit !== "time") return value.toLocaleString("en-US");
  const scales: [string, number][] = [
    ["h", HOUR],
    ["min", MINUTE],
    ["s", SECOND],
    ["ms", 1],
  ];
  const [name, size] = scales.find(([, scale]) => value >= scale) ?? ["ms", 1];
  return `${value / size} ${name}`;
}

/** Defaults that a row may state for an option that is not set: words, not values. */
const words = /^("")$|^none$|^(the|as|host|generated|nowhere) ?|^3$|^127\.0\.0\.1(:5019)?$|^5019$/;

/** Compares a column with what a language has; returns every difference. */
function compare(heading: string, title: string, has: Options, scale = 1, command = ""): string[] {
  const rows = rowsOf(heading);
  const stated = rows.flatMap((row) => namesIn(row[title] ?? "").map((name) => ({ name, row })));
  const names = stated.map(({ name }) => name);
  const wrong = Object.keys(has)
    .filter((name) => !names.includes(name))
    .map((name) => `${name} is not in the column ${title} of ${heading}`);
  for (const { name, row } of stated) {
    if (!(name in has)) {
      wrong.push(`${title} of ${heading} has no ${name}`);
      continue;
    }
    const isOpposite = row[title]?.includes("opposite");
    const value = isOpposite ? !has[name] : has[name];
    const { unit } = row;
    const scaled = typeof value === "number" && unit === "time" ? value * scale : value;
    const usual = statedDefault(row, command);
    const real = written(scaled, unit);
    // A flag, or a field of Go, that is false is one that is not set.
    const isUnset = real === undefined || (real === "false" && usual !== "false");
    if (isUnset ? !words.test(usual) : real !== usual) {
      wrong.push(`${name} in ${title} of ${heading} is ${real ?? "unset"}, not ${usual}`);
    }
  }
  return wrong;
}

/** The members of an interface, with the defaults that a table has for them. */
function membersOf(
  file: string,
  name: string,
  table: Readonly<Record<string, AnyOptionEntry>>,
): Options {
  const text = readFileSync(join(root, file), "utf8");
  const body = new RegExp(`export interface ${name}\\b[^{]*\\{\\n([^]*?)\\n\\}`).exec(text)?.[1];
  const members = (body ?? "").matchAll(/^ {2}(\w+)\??:/gm);
  return Object.fromEntries(
    Array.from(members, ([, member = ""]) => [member, table[member]?.default ?? null]),
  );
}

/** The flags of a table, by name. */
function flagsOf(table: Readonly<Record<string, AnyOptionEntry>>): Options {
  const flags = Object.values(table).flatMap(({ flag, default: usual }) =>
    flag === undefined ? [] : [[/--[\w-]+/.exec(flag[0])?.[0], usual ?? null]],
  );
  return Object.fromEntries(flags) as Options;
}

/** The environment variables of tables. */
function variablesOf(...tables: Readonly<Record<string, AnyOptionEntry>>[]): string[] {
  return tables.flatMap((table) => Object.values(table).flatMap(({ env }) => env ?? []));
}

/** The variables GIBBS_... that the sources in a folder mention. */
function mentioned(folder: string, name: RegExp): string[] {
  const files = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" });
  const texts = files
    .filter((file) => name.test(file))
    .map((file) => readFileSync(join(root, folder, file), "utf8"));
  return [...new Set(texts.join("\n").match(/\bGIBBS_[A-Z_]+/g))].sort();
}

/** The variables that somebody reads, by the table of the page. */
function readBy(who: string): string[] {
  const rows = rowsOf("Environment").filter((row) => row["read by"]?.split(", ").includes(who));
  return rows.flatMap(({ variable = "" }) => namesIn(variable)).sort();
}

const common = membersOf("src/base/options/common-options.ts", "CommonOptions", {});
const { logger, ...withoutLogger } = common;
const request = requestOptionTable as Readonly<Record<string, AnyOptionEntry>>;

describe("docs/options.md", () => {
  it("has the options of TypeScript", () => {
    const clientOptions = membersOf("src/client/options.ts", "ClientOptions", clientOptionTable);
    const requestOptions = membersOf(
      "src/base/options/common-options.ts",
      "RequestOptions",
      request,
    );
    const mapOptions = membersOf("src/client/options.ts", "MapOptions", mapOptionTable);
    const workerOptions = {
      ...membersOf("src/worker/options.ts", "WorkerOptions", workerOptionTable),
      ...membersOf("src/worker/options.ts", "WorkersOptions", workersOptionTable),
    };
    const hubOptions = membersOf("src/hub/options.ts", "HubOptions", hubOptionTable);
    expect([
      ...compare("Client", "TypeScript", { address: null, ...clientOptions, ...withoutLogger }),
      ...compare("Request", "TypeScript", requestOptions),
      ...compare("Map", "TypeScript", mapOptions),
      ...compare("Worker", "TypeScript", { ...workerOptions, ...common }),
      ...compare("Hub", "TypeScript", { ...hubOptions, ...common }),
    ]).toEqual([]);
  });

  it("has the flags of gibbs", () => {
    const { connectTimeoutMs } = clientOptionTable;
    const clientFlags = { "--hub": null, ...flagsOf({ connectTimeoutMs }) };
    const flag = requestCommand().options.find(({ long }) => long === "--connect-timeout");
    const ofRequest = { ...clientFlags, "--connect-timeout": flag?.defaultValue as unknown };
    expect([
      ...compare("Client", "flag of gibbs request, gibbs map", clientFlags),
      ...compare("Request", "flag of gibbs request, gibbs map", flagsOf(request)),
      ...compare("Client", "flag of gibbs request, gibbs map", ofRequest, 1, "gibbs request"),
      ...compare("Map", "flag of gibbs map", flagsOf(mapOptionTable)),
      ...compare("Worker", "flag of gibbs worker", flagsOf(workersOptionTable)),
      ...compare("Hub", "flag of gibbs hub", flagsOf(hubOptionTable)),
    ]).toEqual([]);
  });

  it("has the environment variables of all", () => {
    const environment = rowsOf("Environment").flatMap(({ variable = "" }) => namesIn(variable));
    for (const heading of ["Client", "Worker", "Hub"]) {
      const named = rowsOf(heading).flatMap((row) => namesIn(row["environment"] ?? ""));
      expect(named.filter((name) => !environment.includes(name))).toEqual([]);
    }
    const tables = variablesOf(hubOptionTable, workersOptionTable);
    expect(tables.filter((name) => !environment.includes(name))).toEqual([]);
    expect(mentioned("src", /\.ts$/)).toEqual(readBy("`gibbs`"));
    expect(mentioned("src", /^(?!cli|hub).*\.ts$/)).toEqual(readBy("TypeScript"));
    expect(mentioned("sdk/go", /^[^/]*(?<!_test)\.go$/)).toEqual(readBy("Go"));
    expect(mentioned("sdk/python/gibbs_worker", /^(?!cli).*\.py$/)).toEqual(readBy("Python"));
    expect(mentioned("sdk/python/gibbs_worker", /^(cli|options)\.py$/)).toEqual(
      readBy("`gibbs-worker`"),
    );
  });

  it("has the options of Python", { timeout: 5 * 60_000 }, async (context) => {
    const has = await optionsOfPython(context);
    const { Client = {}, SyncClient, Hub, map = {}, Worker = {}, request: asked = {} } = has;
    expect(SyncClient).toEqual(Client);
    expect(has["sync map"]).toEqual(map);
    const { hub, ...others } = Client;
    expect(Hub).toEqual({ port: null, host: null, ...others });
    const { options: _, ...ofMap } = map;
    expect([
      ...compare("Client", "Python", Client, SECOND),
      ...compare("Request", "Python", asked, SECOND),
      ...compare("Map", "Python", ofMap, SECOND),
      ...compare("Worker", "Python", Worker, SECOND),
      ...compare(
        "Worker",
        "flag of gibbs-worker",
        has["gibbs-worker"] ?? {},
        SECOND,
        "gibbs-worker",
      ),
    ]).toEqual([]);
  });

  it("has the options of Go", { timeout: 10 * 60_000 }, async (context) => {
    const has = await optionsOfGo(context);
    const text = readFileSync(join(root, "sdk/go/client.go"), "utf8");
    const functions = text.matchAll(/^func (\w+)\([^)]*\) RequestOption \{/gm);
    const asked = Object.fromEntries(Array.from(functions, ([, name = ""]) => [name, null]));
    expect([
      ...compare("Client", "Go", { address: null, ...has["ClientOptions"] }),
      ...compare("Request", "Go", asked),
      ...compare("Map", "Go", has["MapOptions"] ?? {}),
      ...compare("Worker", "Go", { ...has["WorkerOptions"], WorkerID: null }),
    ]).toEqual([]);
  });
});

async function optionsOfPython(context: TestContext): Promise<Readonly<Record<string, Options>>> {
  const cwd = join(root, "sdk/python");
  const venv = await start(toolOrSkip("python3", context), ["scripts/venv.py"], { cwd }).ended;
  expect(venv.code, venv.stdout + venv.stderr).toBe(0);
  const python = join(cwd, ".venv/bin/python");
  const { stdout, stderr } = await start(python, ["scripts/options.py"], {
    cwd,
    // The defaults, whatever this machine has set.
    env: { GIBBS_HUB: "", GIBBS_LOG_LEVEL: "" },
  }).ended;
  expect(stderr).toBe("");
  return JSON.parse(stdout) as Readonly<Record<string, Options>>;
}

async function optionsOfGo(context: TestContext): Promise<Readonly<Record<string, Options>>> {
  const args = ["test", "-count=1", "-v", "-run", "^TestOptions$", "."];
  const go = start(toolOrSkip("go", context), args, { cwd: join(root, "sdk/go") });
  const { stdout, stderr } = await go.ended;
  const line = /^options: (.*)$/m.exec(stdout)?.[1];
  expect(line, stdout + stderr).toBeDefined();
  return JSON.parse(String(line)) as Readonly<Record<string, Options>>;
}
