import { cpuPerRequest, memoryOf } from "./hub-usage.js";
import type { Program, Programs } from "./program.js";
import { type GibbsHub, startHub, startWorker } from "./systems.js";

export const HOUR_MS = 3_600_000;
const SLOTS = 32;
/** The number of answers after a worker connects that do not count. */
const WARM_UPS = 5000;

/** A hub, and the callers waiting in its queue. */
export interface LongQueue {
  programs: Programs;
  length: number;
  hub: GibbsHub;
  crowd: Program;
  /** The memory that the hub's JavaScript uses for each request in the queue. */
  bytesPerRequest: number;
}

/** Starts a hub in which `length` requests wait. */
export async function fillQueue(programs: Programs, length: number): Promise<LongQueue> {
  const callers = length + SLOTS;
  const hub = await startPatientHub(programs, callers);
  const { program: crowd } = await programs.node(
    "gibbs-crowd",
    { hub: hub.address },
    // A million callers need more memory than a Node process may use by default.
    { execArgv: ["--max-old-space-size=8192"] },
  );
  const before = await memoryOf(hub.program);
  await crowd.ask("fill", { callers });
  const after = await memoryOf(hub.program);
  const bytesPerRequest = (after.heldBytes - before.heldBytes) / callers;
  return { programs, length, hub, crowd, bytesPerRequest };
}

/**
 * Has a worker take `count` requests from the queue while their callers send new ones; returns the
 * hub's CPU time for each, in microseconds.
 */
export async function cpuPerQueued(
  { programs, length, hub, crowd }: LongQueue,
  count: number,
): Promise<number> {
  const worker = await startWorker(programs, hub, { handler: "brief", workers: 1, slots: SLOTS });
  await crowd.ask("answered", { count: WARM_UPS });
  const cpuUs = await cpuPerRequest(hub, async () => {
    await crowd.ask("answered", { count });
    return count;
  });
  const unheard = (await worker.ask<number>("briefJobs")) - WARM_UPS - count;
  // Callers who get their answers late send their next request late: the queue would be shorter
  // than reported.
  if (unheard > length / 4 + 10 * SLOTS)
    throw new Error(`${unheard} answers have not reached their callers`);
  await worker.stop();
  return cpuUs;
}

/** A hub whose requests wait as long as it takes, all on one stream. */
function startPatientHub(programs: Programs, callers: number): Promise<GibbsHub> {
  return startHub(programs, {
    maxOpenCalls: callers + 1,
    // A tenth of it may wait while no worker is connected.
    maxQueued: 11 * callers + 1000,
    maxHeldBytes: 2 ** 40,
    maxTimeoutMs: 2 ** 31 - 1,
    noWorkerTimeoutMs: HOUR_MS,
  });
}
