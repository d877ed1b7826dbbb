import { InvalidArgumentError, Option } from "commander";
import { pino } from "pino";
import type { Logger } from "../base/logger.js";

/** How much is logged, as JSON lines on stderr. */
export function logLevelOption(): Option {
  return new Option("--log-level <level>", "what to log to stderr, as JSON lines")
    .choices(["debug", "info", "warn", "error", "silent"])
    .default("warn")
    .env("GIBBS_LOG_LEVEL");
}

/** Output for programs. */
export function jsonOption(): Option {
  return new Option("--json", "print JSON, also for errors").default(false);
}

/** A logger to stderr; stdout belongs to the command's result. */
export function createLogger(level: string): Logger {
  return pino({ level, base: { pid: process.pid } }, pino.destination({ dest: 2, sync: true }));
}

const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Reads `250ms`, `5s`, `2m`, `1h`; a bare number is seconds. Returns milliseconds. */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text);
  if (match === null) throw new InvalidArgumentError("Write a time such as 250ms, 5s or 2m.");
  return Math.round(Number(match[1]) * (units[match[2] ?? "s"] ?? 1000));
}

const sizes: Record<string, number> = { "": 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** Reads `4MiB`, `64KiB`, `1GiB`; a bare number is bytes. Returns bytes. */
export function parseSize(text: string): number {
  const match = /^(\d{1,12})(KiB|MiB|GiB)?$/.exec(text);
  if (match === null) throw new InvalidArgumentError("Write a size such as 64KiB, 4MiB or 1GiB.");
  return Number(match[1]) * (sizes[match[2] ?? ""] ?? 1);
}

/** Reads a whole number of at least 1. */
export function parseCount(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError("Write a whole number from 1.");
  return Number(text);
}

/** Reads a JSON array. */
export function parseJsonArray(text: string): unknown[] {
  try {
    const array: unknown = JSON.parse(text);
    if (Array.isArray(array)) return array;
  } catch {
    // Said below.
  }
  throw new InvalidArgumentError("Write a JSON array, such as '[0.25]'.");
}
