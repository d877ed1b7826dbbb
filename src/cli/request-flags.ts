import type { Command } from "commander";
import {
  hubAddress,
  type RequestOptions,
  requestOptionTable,
} from "../base/options/common-options.js";
import { clientOptionTable } from "../client/options.js";
import { addFlags, readFlags } from "./option-flags.js";

/** The flags of every command that sends requests. */
export interface RequestFlags {
  hub: string;
  connectTimeout: number;
}

/** Adds the flags to a command. `connectTimeoutMs`: how long it waits for a hub unless told otherwise. */
export function addRequestFlags(command: Command, connectTimeoutMs: number): Command {
  const { method, timeoutMs, ...others } = requestOptionTable;
  const connectTimeout = { ...clientOptionTable.connectTimeoutMs, default: connectTimeoutMs };
  addFlags(command, { hub: hubAddress, method, timeoutMs, connectTimeout, ...others });
  return command;
}

/** The options of a request, as the flags say. */
export function toRequestOptions(flags: RequestFlags): RequestOptions {
  return readFlags(requestOptionTable, { ...flags });
}
