/** The resources a process has used so far. */
export interface Usage {
  /** CPU time, in microseconds. */
  cpuUs: number;
  /** Resident memory, in bytes. */
  rssBytes: number;
  /** The memory that its JavaScript uses: the heap and external buffers, in bytes. */
  heldBytes: number;
}

/** The resources this process has used. */
export function usage({ collect }: { collect?: boolean } = {}): Usage {
  // So that garbage is not counted as used memory.
  if (collect) globalThis.gc?.();
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { cpuUs: user + system, rssBytes: rss, heldBytes: heapUsed + external };
}
