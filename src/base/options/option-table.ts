import { gibbsError } from "../errors/reasons.js";

/**
 * The unit of a numeric option. Its flag takes `<n>`, `<size>` such as 4MiB, or `<time>` such as
 * 5s.
 */
export type Unit = "count" | "bytes" | "ms";

/**
 * Everything about one option except its doc comment, which is on the public interface; a test
 * checks that the two match.
 */
export interface AnyOptionEntry<T = unknown> {
  /** Undefined if the option has no default. */
  readonly default: T;
  /** The unit of a number. */
  readonly unit?: Unit;
  /** The minimum of a number. Default 0. */
  readonly min?: number;
  /** The maximum of a number. Default 2 ** 53 - 1; `Infinity` permits `Infinity` itself. */
  readonly max?: number;
  /** The command-line flag and its help text. */
  readonly flag?: readonly [usage: string, help: string];
  /** The environment variable to use if the flag is not given. */
  readonly env?: string;
}

/** A numeric option must have a unit, which its flag names. */
interface NumberEntry<T, U extends Unit, Value extends string> extends AnyOptionEntry<T> {
  readonly unit: U;
  readonly flag?: readonly [usage: `${string}--${string} <${Value}>`, help: string];
}

/** {@link AnyOptionEntry} for an option of type `T`. */
export type OptionEntry<T> = [NonNullable<T>] extends [number]
  ? NumberEntry<T, "count", "n"> | NumberEntry<T, "bytes", "size"> | NumberEntry<T, "ms", "time">
  : AnyOptionEntry<T>;

/** The options of one owner. */
export type OptionTable<T> = { readonly [Name in keyof T]: OptionEntry<T[Name]> };

/** The options that a caller has set; undefined counts as not set. */
export type GivenOptions<T> = { readonly [Name in keyof T]?: T[Name] | undefined };

/**
 * Returns every option of `table`: as given, or its default.
 *
 * @throws GibbsError INVALID_ARGUMENT / BAD_OPTION if a number is not an integer or is out of
 * bounds, or if any other value does not have the type of its default.
 */
export function withDefaults<T extends object>(table: OptionTable<T>, given: GivenOptions<T>): T {
  const names = Object.keys(table) as (keyof T & string)[];
  const settings = names.map((name) => {
    const entry: AnyOptionEntry = table[name];
    const value = given[name];
    if (value === undefined) return [name, entry.default];
    if (entry.unit !== undefined) checkNumber(name, entry, value);
    else checkKind(name, entry.default, value);
    return [name, value];
  });
  return Object.fromEntries(settings);
}

function checkKind(name: string, usual: unknown, value: unknown): void {
  if (usual === undefined) return;
  const same = Array.isArray(usual) ? Array.isArray(value) : typeof value === typeof usual;
  if (same && value !== null) return;
  const kind = Array.isArray(usual) ? "an array" : `a ${typeof usual}`;
  throw gibbsError("BAD_OPTION", `the option ${name} must be ${kind}, not ${String(value)}`);
}

function checkNumber(
  name: string,
  { min = 0, max = Number.MAX_SAFE_INTEGER }: AnyOptionEntry,
  value: unknown,
): void {
  const isWhole = Number.isSafeInteger(value) || value === Number.POSITIVE_INFINITY;
  if (isWhole && (value as number) >= min && (value as number) <= max) return;
  const message = `the option ${name} must be a whole number from ${min} to ${max}, not ${String(value)}`;
  throw gibbsError("BAD_OPTION", message);
}
