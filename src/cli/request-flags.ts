import type { Command } from "commander";
import {
  hubAddress,
  type RequestOptions,
  requestOptionTable,
} from "../base/options/common-options.js";
import { clientOptionTable } from "../client/options.js";
import { addFlags, readFlags } from "./option-flags.js";

/** Flags shared by all commands that send requests. */
export interface RequestFlags {
  hub: string;
  connectTimeout: number;
}

/**
 * Adds the flags to a command. `connectTimeoutMs` is the default for how long to wait for a hub.
 */
export function addRequestFlags(command: Command, connectTimeoutMs: number): Command {
  const { method, timeoutMs, ...others } = requestOptionTable;
  const connectTimeout = { ...clientOptionTable.connectTimeoutMs, default: connectTimeoutMs };
  addFlags(command, { hub: hubAddress, method, timeoutMs, connectTimeout, ...others });
  return command;
}

/** Returns the request options that the flags set. */
export function toRequestOptions(flags: RequestFlags): RequestOptions {
  return readFlags(requestOptionTable, { ...flags });
}
