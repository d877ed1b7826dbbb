import { type ActionKind, faults } from "./actions.js";
import { Chance, mix } from "./machine/chance.js";
import type { OracleLimits } from "./oracle/hub-oracle.js";

/** Settings that stay the same throughout a run. */
export interface Parameters {
  limits: OracleLimits & {
    hubTimeoutMs: number;
    drainTimeoutMs: number;
    highWaterBytes: number;
    /** How long a client waits for its hub, in milliseconds. */
    connectTimeoutMs: number;
    /** Maximum number of bytes waiting in a client's stream to be sent. */
    maxUnsentBytes: number;
  };
}

/** Something done to the world, with details drawn from its own seed. */
export interface Action {
  /** Its position in the seed's plan, as given to `--keep`. */
  index: number;
  /** In milliseconds since the start. */
  at: number;
  kind: ActionKind;
  seed: number;
}

/** A whole run, as determined by its seed. */
export interface Plan {
  seed: number;
  parameters: Parameters;
  /** In chronological order. */
  actions: readonly Action[];
}

/** Makes the plan of a seed. Leaving an action out does not change the others. */
export function makePlan(seed: number): Plan {
  const chance = new Chance(seed);
  const parameters = { limits: makeLimits(chance) };
  const horizonMs = chance.pick([2000, 5000, 12_000]);
  const kinds: [ActionKind, atMost: number][] = [];
  const workers = chance.int(1, 6);
  for (let count = 0; count < workers; count += 1) kinds.push(["worker", 500]);
  const requests = chance.pick([4, 12, 25]);
  for (let count = 0; count < requests; count += 1) {
    kinds.push([chance.flip(0.4) ? "client requests" : "requests", horizonMs]);
  }
  // A few kinds of faults in each run, repeated: bugs hide in their combinations.
  const drawn = faults.filter(() => chance.flip(0.25));
  const disturbances = drawn.length === 0 ? 0 : chance.int(1, 8);
  for (let count = 0; count < disturbances; count += 1) {
    kinds.push([chance.any(drawn) as ActionKind, horizonMs]);
  }
  const actions = kinds
    .map(([kind, mostMs]) => ({ kind, at: chance.span(0, mostMs) }))
    .sort((a, b) => a.at - b.at)
    .map((action, index) => ({ ...action, index, seed: mix(seed, 1000 + index) }));
  return { seed, parameters, actions };
}

/** Returns the plan with only these actions, or with all of them if `keep` is undefined. */
export function keepOnly(plan: Plan, keep: readonly number[] | undefined): Plan {
  if (keep === undefined) return plan;
  const kept = new Set(keep);
  return { ...plan, actions: plan.actions.filter(({ index }) => kept.has(index)) };
}

function makeLimits(chance: Chance): Parameters["limits"] {
  const livenessTimeoutMs = chance.pick([3000, 6000, 10_000]);
  const maxPayloadBytes = chance.flip(0.03) ? 400_000 : chance.pick([1000, 4000]);
  const tightBytes = chance.pick([200, 2000, maxPayloadBytes]);
  return {
    maxWorkers: chance.flip(0.1) ? chance.int(2, 4) : 100,
    maxQueued: chance.flip(0.25) ? chance.pick([1, 3, 15]) : 1000,
    maxHeldBytes: chance.flip(0.2) ? tightBytes : 10_000_000,
    maxPayloadBytes,
    maxUnreadBytes: chance.pick([100, 1_000_000]),
    slowReaderTimeoutMs: chance.pick([1000, 5000]),
    maxSlots: chance.flip(0.2) ? chance.int(1, 3) : 1024,
    helloTimeoutMs: chance.pick([1000, 5000]),
    heartbeatIntervalMs: Math.floor(livenessTimeoutMs / chance.pick([3, 5])),
    livenessTimeoutMs,
    cancelGraceMs: chance.pick([1000, 5000]),
    noWorkerTimeoutMs: chance.pick([500, 5000]),
    defaultTimeoutMs: 120_000,
    maxTimeoutMs: chance.pick([30_000, 86_400_000]),
    hubTimeoutMs: chance.pick([4000, 30_000]),
    drainTimeoutMs: chance.pick([300, 3000]),
    highWaterBytes: chance.pick([100, 500, 16_000]),
    maxOpenCalls: chance.pick([1, 2, 3, 1024]),
    connectTimeoutMs: chance.pick([2000, 20_000]),
    maxUnsentBytes: chance.pick([2, 4, 20]) * maxPayloadBytes,
  };
}
