import { gibbsError } from "../errors/reasons.js";

/** What an option counts. Its flag takes a `<n>`, a `<size>` such as 4MiB, a `<time>` such as 5s. */
export type Unit = "count" | "bytes" | "ms";

/**
 * Everything there is to say about one option but its doc comment, which stands in the interface
 * that users see; a test holds the two together.
 */
export interface AnyOptionEntry<T = unknown> {
  /** Undefined if it has none. */
  readonly default: T;
  /** Of a number. */
  readonly unit?: Unit;
  /** Of a number. Default 0. */
  readonly min?: number;
  /** Of a number. Default 2 ** 53 - 1; with `Infinity`, that is allowed too. */
  readonly max?: number;
  /** What sets it on the command line, and what its help says. */
  readonly flag?: readonly [usage: string, help: string];
  /** The environment variable that counts if the flag is not given. */
  readonly env?: string;
}

/** A number has a unit, which its flag names. */
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

/** What a caller sets of them; undefined counts as not set. */
export type GivenOptions<T> = { readonly [Name in keyof T]?: T[Name] | undefined };

/**
 * Every option of `table`: as given, else its default.
 *
 * @throws GibbsError INVALID_ARGUMENT / BAD_OPTION for a number that is not whole or out of
 * its bounds, and for anything else that is not of the default's kind.
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
