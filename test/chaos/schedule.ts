import type { Random } from "../../src/base/random.js";
import { between, shuffled } from "./seeded.js";

/** When something of which kind is to happen. */
export interface Appointment<K> {
  /** From the beginning, in milliseconds. */
  atMs: number;
  kind: K;
}

/**
 * Spreads kinds over `lengthMs`, with pauses of `pauseMs` (from, to) by chance.
 * Every kind comes once before any comes again.
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
