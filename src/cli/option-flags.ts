import { type Command, Option } from "commander";
import type { AnyOptionEntry, OptionTable, Unit } from "../base/options/option-table.js";
import { MiB } from "../base/options/units.js";
import { countParser, parseDuration, parseJsonArray, parseSize } from "./common.js";

/** Returns the parser of an option with a unit. The bounds of sizes and times are checked later. */
function parserOf(unit: Unit, { min = 0, max = Number.MAX_SAFE_INTEGER }: AnyOptionEntry) {
  const parsers = { count: countParser(min, max), bytes: parseSize, ms: parseDuration };
  return parsers[unit];
}

/** Adds the flags of a table's options to a command, in the table's order. */
export function addFlags<T extends object>(command: Command, table: OptionTable<T>): Command {
  for (const entry of Object.values<AnyOptionEntry>(table)) {
    const option = toFlag(entry);
    if (option !== undefined) command.addOption(option);
  }
  return command;
}

/** Returns the values given for a table's flags, keyed by option name. */
export function readFlags<T extends object>(
  table: OptionTable<T>,
  flags: Readonly<Record<string, unknown>>,
): { [Name in keyof T]?: NonNullable<T[Name]> } {
  const given: [name: string, value: unknown][] = [];
  for (const [name, entry] of Object.entries<AnyOptionEntry>(table)) {
    const option = toFlag(entry);
    const value = option && flags[option.attributeName()];
    if (value !== undefined) given.push([name, value]);
  }
  return Object.fromEntries(given) as ReturnType<typeof readFlags<T>>;
}

function toFlag(entry: AnyOptionEntry): Option | undefined {
  const { default: usual, unit, flag, env } = entry;
  if (flag === undefined) return undefined;
  const option = new Option(...flag);
  if (unit !== undefined) option.argParser(parserOf(unit, entry));
  if (Array.isArray(usual)) option.argParser(parseJsonArray);
  if (env !== undefined) option.env(env);
  if (typeof usual === "number") return option.default(usual, show(usual, unit));
  return usual === undefined ? option : option.default(usual);
}

/** Formats a number the way its flag accepts it. */
function show(value: number, unit: AnyOptionEntry["unit"]): string {
  if (unit === "bytes") return `${value / MiB}MiB`;
  if (unit !== "ms") return String(value);
  const seconds = value / 1000;
  if (seconds % 3600 === 0) return `${seconds / 3600}h`;
  return seconds % 60 === 0 ? `${seconds / 60}m` : `${seconds}s`;
}
