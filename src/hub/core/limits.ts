/** The limits of the core. Times are in milliseconds; defaults are in the options file. */
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

/** The share of the queue open to requests for methods without a worker. */
export const WORKERLESS_SHARE = 0.1;

/** How many times workers may refuse a request before it fails. */
export const MAX_REFUSALS = 8;

/** Settled requests kept for reuse: enough for one turn's traffic, not for a peak. */
export const MAX_SPARE = 4096;

/**
 * `losses` losses, each within `windowMs` of the previous one, make a crash loop; the credit is
 * then withheld, for `minHoldMs` at first and `maxHoldMs` at most.
 */
export const CRASH_LOOP = {
  losses: 3,
  windowMs: 10_000,
  minHoldMs: 1000,
  maxHoldMs: 30_000,
} as const;

/** A request with less time left than this is not dispatched. */
export const MIN_TIME_LEFT_MS = 1;

/** The largest job id: ids are uint32 on the wire. */
export const MAX_JOB_ID = 0xffff_ffff;
