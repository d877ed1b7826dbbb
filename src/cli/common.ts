import { InvalidArgumentError, Option } from "commander";
import { pino } from "pino";
import type { Logger } from "../base/logger.js";

/** The option for the log level; logs are JSON lines on stderr. */
export function logLevelOption(): Option {
  return new Option("--log-level <level>", "lowest level to log to stderr, as JSON lines")
    .choices(["debug", "info", "warn", "error", "silent"])
    .default("warn")
    .env("GIBBS_LOG_LEVEL");
}

/** The option for machine-readable output. */
export function jsonOption(): Option {
  return new Option("--json", "print JSON, including errors").default(false);
}

/** Returns a logger that writes to stderr; stdout belongs to the command's result. */
export function createLogger(level: string): Logger {
  return pino({ level, base: { pid: process.pid } }, pino.destination({ dest: 2, sync: true }));
}

const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Parses `250ms`, `5s`, `2m` or `1h` into milliseconds; a bare number is seconds. */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text);
  if (match === null)
    throw new InvalidArgumentError("Expected a duration such as 250ms, 5s or 2m.");
  return Math.round(Number(match[1]) * (units[match[2] ?? "s"] ?? 1000));
}

const sizes: Record<string, number> = { "": 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** Parses `4MiB`, `64KiB` or `1GiB` into bytes; a bare number is bytes. */
export function parseSize(text: string): number {
  const match = /^(\d{1,12})(KiB|MiB|GiB)?$/.exec(text);
  if (match === null)
    throw new InvalidArgumentError("Expected a size such as 64KiB, 4MiB or 1GiB.");
  return Number(match[1]) * (sizes[match[2] ?? ""] ?? 1);
}

/** Returns a parser of whole numbers from `min` to `max`. */
export function countParser(min: number, max: number): (text: string) => number {
  return (text) => {
    const count = Number(text);
    if (/^\d{1,16}$/.test(text) && count >= min && count <= max) return count;
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
  };
}

/** Parses a JSON array. */
export function parseJsonArray(text: string): unknown[] {
  try {
    const array: unknown = JSON.parse(text);
    if (Array.isArray(array)) return array;
  } catch {
    // Reported below.
  }
  throw new InvalidArgumentError("Expected a JSON array such as '[0.25]'.");
}
