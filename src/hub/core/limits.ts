/** What bounds the core. Times in milliseconds; defaults are in the options file. */
export interface CoreLimits {
  maxWorkers: number;
  maxQueued: number;
  maxHeldBytes: number;
  maxPayloadBytes: number;
  maxSlots: number;
  helloTimeoutMs: number;
  heartbeatIntervalMs: number;
  livenessTimeoutMs: number;
  cancelGraceMs: number;
  noWorkerTimeoutMs: number;
  maxUnreadBytes: number;
  slowReaderTimeoutMs: number;
}

/** The share of the queue that requests for methods without a worker may take. */
export const WORKERLESS_SHARE = 0.1;

/** So many sessions may refuse a request before it is given up. */
export const MAX_REFUSALS = 8;

/** So many settled requests are kept to become others: what comes and goes in a turn, not a peak. */
export const MAX_SPARE = 4096;

/**
 * So many losses, each within the window after the one before, are a crash loop;
 * then its credit is held back at first for the least time, at last for the most.
 */
export const CRASH_LOOP = {
  losses: 3,
  windowMs: 10_000,
  minHoldMs: 1000,
  maxHoldMs: 30_000,
} as const;

/** Nothing is dispatched with less time left than this. */
export const MIN_TIME_LEFT_MS = 1;

/** The largest job id: ids are uint32 on the wire. */
export const MAX_JOB_ID = 0xffff_ffff;
