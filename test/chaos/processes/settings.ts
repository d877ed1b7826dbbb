import type { ClientOptions } from "../../../src/client/options.js";
import type { HubOptions } from "../../../src/hub/options.js";
import type { Load, Traffic } from "../traffic.js";

/** What a hub process is told. */
export interface HubSettings {
  /** Where the journals of the run are. */
  journals: string;
  name: string;
  options: Omit<HubOptions, "clock" | "logger">;
}

/** What a process of in-process workers is told. */
export interface PoolSettings {
  journals: string;
  host: string;
  /** The hub, `host:port`. */
  hub: string;
  /** How many workers. */
  count: number;
  /** Slots of each. */
  slots: number;
}

/** What a worker without the library is told. */
export type RawSettings = Omit<PoolSettings, "count">;

/** What a client process is told. */
export interface ClientSettings {
  journals: string;
  name: string;
  hub: string;
  seed: number;
  /** How calls travel. Default: as the client likes. */
  transport?: NonNullable<ClientOptions["transport"]>;
  load: Load;
  traffic: Traffic;
}

/** Reads what the process was told. */
export function settings<T>(): T {
  return JSON.parse(process.argv[2] ?? "") as T;
}
