import type { Random } from "../../src/base/random.js";
import { between, shuffled } from "./seeded.js";

/** The time at which something of a given kind happens. */
export interface Appointment<K> {
  /** From the start, in milliseconds. */
  atMs: number;
  kind: K;
}

/**
 * Spreads kinds over `lengthMs`, with random pauses within `pauseMs` (from, to). Every kind occurs
 * once before any occurs again.
 */
export function schedule<K>(
  kinds: readonly K[],
  lengthMs: number,
  pauseMs: readonly [number, number],
  random: Random,
): Appointment<K>[] {
  const appointments: Appointment<K>[] = [];
  let round: K[] = [];
  for (
    let atMs = between(random, ...pauseMs);
    atMs < lengthMs;
    atMs += between(random, ...pauseMs)
  ) {
    if (round.length === 0) round = shuffled(random, kinds);
    const kind = round.shift();
    if (kind === undefined) break;
    appointments.push({ atMs, kind });
  }
  return appointments;
}
