/** The resources a process has used so far. */
export interface Usage {
  /** CPU time, in microseconds. */
  cpuUs: number;
  /** Resident memory, in bytes. */
  rssBytes: number;
  /** What its JavaScript holds: the heap and external buffers, in bytes. */
  heldBytes: number;
}

/** The resources this process has used. */
export function usage({ collect }: { collect?: boolean } = {}): Usage {
  // So that memory counts what is in use, without garbage.
  if (collect) globalThis.gc?.();
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { cpuUs: user + system, rssBytes: rss, heldBytes: heapUsed + external };
}
