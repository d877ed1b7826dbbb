import type { Command } from "commander";
import type { RequestOptions } from "../base/options.js";
import { hubOption, parseCount, parseDuration } from "./common.js";

/** The flags of every command that sends requests. */
export interface RequestFlags {
  hub: string;
  method: string;
  timeout?: number;
  connectTimeout: number;
  idempotent?: boolean;
  maxAttempts?: number;
}

/** Adds the flags to a command. `connectTimeoutMs`: how long it waits for a hub unless told otherwise. */
export function addRequestFlags(command: Command, connectTimeoutMs: number): Command {
  return command
    .addOption(hubOption())
    .option("--method <name>", "the method to call", "")
    .option("--timeout <time>", "how long the whole call may take (default: 10m)", parseDuration)
    .option(
      "--connect-timeout <time>",
      "how long to wait for the hub",
      parseDuration,
      connectTimeoutMs,
    )
    .option("--idempotent", "it may run again when its worker is lost")
    .option("--max-attempts <n>", "how often an idempotent request may be started", parseCount);
}

/** The options of a request, as the flags say. */
export function toRequestOptions(flags: RequestFlags): RequestOptions {
  const { method, timeout: timeoutMs, idempotent, maxAttempts } = flags;
  return {
    method,
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(idempotent !== undefined && { idempotent }),
    ...(maxAttempts !== undefined && { maxAttempts }),
  };
}
