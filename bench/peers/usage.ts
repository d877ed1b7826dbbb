/** What a process has used so far. */
export interface Usage {
  /** Of the processor, in microseconds. */
  cpuUs: number;
  /** Resident memory, in bytes. */
  rssBytes: number;
  /** What its JavaScript holds: the heap and the buffers beside it, in bytes. */
  heldBytes: number;
}

/** What this process has used. */
export function usage({ collect }: { collect?: boolean } = {}): Usage {
  // So that memory is what is in use, and not what was.
  if (collect) globalThis.gc?.();
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { cpuUs: user + system, rssBytes: rss, heldBytes: heapUsed + external };
}
