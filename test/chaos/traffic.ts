import type { Random } from "../../src/base/random.js";
import { between } from "./seeded.js";

/**
 * How a client makes calls: with a fixed number of callers, each making one call at a time, or at a
 * fixed number of calls per second, however they end.
 */
export type Load = { kind: "callers"; count: number } | { kind: "rate"; perSecond: number };

/** The mix of a client's calls. Shares are of all calls, from 0 to 1. */
export interface Traffic {
  /** Range of the tasks' work times, in milliseconds. */
  workMs: readonly [number, number];
  /** Deadline of unhurried calls, in milliseconds. */
  timeoutMs: number;
  idempotentShare: number;
  /** Calls whose handler throws. */
  failingShare: number;
  /** Calls soon cancelled by their caller. */
  cancelledShare: number;
  /** Calls with a deadline so short that many miss it. */
  hurriedShare: number;
  /** Calls with a message of up to a few tens of KiB. */
  paddedShare: number;
}

/** One call. Times in milliseconds. */
export interface CallPlan {
  workMs: number;
  timeoutMs: number;
  idempotent: boolean;
  fails: boolean;
  cancelAfterMs: number | undefined;
  paddingBytes: number;
}

/** Calls with nothing special about them. */
export const plain: Omit<Traffic, "workMs" | "timeoutMs"> = {
  idempotentShare: 0.5,
  failingShare: 0,
  cancelledShare: 0,
  hurriedShare: 0,
  paddedShare: 0,
};

const HURRY_MS = [5, 80] as const;
const CANCEL_AFTER_MS = [0, 80] as const;
const PADDING_BYTES = [1024, 64 * 1024] as const;

/** Draws the next call. */
export function nextCall(traffic: Traffic, random: Random): CallPlan {
  const share = (part: number): boolean => random() < part;
  const hurried = share(traffic.hurriedShare);
  const cancelled = share(traffic.cancelledShare);
  const padded = share(traffic.paddedShare);
  return {
    workMs: Math.round(between(random, ...traffic.workMs)),
    timeoutMs: hurried ? Math.round(between(random, ...HURRY_MS)) : traffic.timeoutMs,
    idempotent: share(traffic.idempotentShare),
    fails: share(traffic.failingShare),
    cancelAfterMs: cancelled ? between(random, ...CANCEL_AFTER_MS) : undefined,
    paddingBytes: padded ? Math.round(between(random, ...PADDING_BYTES)) : 0,
  };
}
