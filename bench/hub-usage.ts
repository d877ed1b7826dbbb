import type { Usage } from "./peers/usage.js";
import type { Program } from "./program.js";
import type { GibbsHub } from "./systems.js";

/** The memory that a program uses after a garbage collection. */
export function memoryOf(program: Program): Promise<Usage> {
  return program.ask<Usage>("usage", { collect: true });
}

/** CPU time of the hub per request, in microseconds; `load` returns how many requests were answered. */
export async function cpuPerRequest(hub: GibbsHub, load: () => Promise<number>): Promise<number> {
  const before = await hub.program.ask<Usage>("usage");
  const answered = await load();
  const after = await hub.program.ask<Usage>("usage");
  return (after.cpuUs - before.cpuUs) / answered;
}
