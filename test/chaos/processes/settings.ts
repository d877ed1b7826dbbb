import type { ClientOptions } from "../../../src/client/options.js";
import type { HubOptions } from "../../../src/hub/options.js";
import type { Load, Traffic } from "../traffic.js";

/** Settings of a hub process. */
export interface HubSettings {
  /** The folder with the run's journals. */
  journals: string;
  name: string;
  options: Omit<HubOptions, "clock" | "logger">;
}

/** Settings of a process with in-process workers. */
export interface PoolSettings {
  journals: string;
  host: string;
  /** The hub's address, `host:port`. */
  hub: string;
  /** Number of workers. */
  count: number;
  /** Slots per worker. */
  slots: number;
}

/** Settings of a worker that does not use the library. */
export type RawSettings = Omit<PoolSettings, "count">;

/** Settings of a worker of the Python SDK. */
export interface PythonSettings extends PoolSettings {
  /** Where handlers run: in threads of the worker, or in `count` processes. */
  isolation: "thread" | "process";
}

/** Settings of a client process. */
export interface ClientSettings {
  journals: string;
  name: string;
  hub: string;
  seed: number;
  /** The transport of the calls. Default: the client's default. */
  transport?: NonNullable<ClientOptions["transport"]>;
  load: Load;
  traffic: Traffic;
}

/** Settings of a client of the Python SDK, which makes `callers` calls at a time. */
export type PythonClientSettings = Required<Omit<ClientSettings, "load">> & { callers: number };

/** Reads the settings given to this process. */
export function settings<T>(): T {
  return JSON.parse(process.argv[2] ?? "") as T;
}
