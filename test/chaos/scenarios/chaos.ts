import { delay, systemClock } from "../../../src/base/clock.js";
import type { Random } from "../../../src/base/random.js";
import { check } from "../check.js";
import { Cluster } from "../cluster.js";
import { callersCoverage, coverage, type Strike } from "../coverage.js";
import { type Fault, faults } from "../faults.js";
import { type Notes, readJournals } from "../journal.js";
import { machineNow } from "../machine-time.js";
import { outcomes } from "../outcomes.js";
import { installPython } from "../python.js";
import { schedule } from "../schedule.js";
import {
  atLeast,
  type Criterion,
  none,
  type ScenarioOptions,
  type Scorecard,
  safety,
} from "../scorecard.js";
import { oneOf, seeded } from "../seeded.js";
import type { Traffic } from "../traffic.js";

/** Short times, so that minutes cover what takes hours in production. */
const hubOptions = {
  heartbeatIntervalMs: 1000,
  livenessTimeoutMs: 3000,
  hubTimeoutMs: 12_000,
  cancelGraceMs: 4000,
  drainTimeoutMs: 5000,
  noWorkerTimeoutMs: 5000,
};

const traffic: Traffic = {
  workMs: [10, 90],
  timeoutMs: 25_000,
  idempotentShare: 0.5,
  failingShare: 0.03,
  cancelledShare: 0.04,
  hurriedShare: 0.06,
  paddedShare: 0.05,
};

/** The longest deadline that counts as short, in milliseconds. */
const HURRY_MS = 100;
const CALLERS = 16;
const PAUSE_MS = [1000, 3000] as const;
const GRACE_MS = 5000;
const LEASE_TICK_MS = 100;

/** A run of at least this length must meet the volume targets; a shorter one must only be safe. */
const FULL_MINUTES = 10;

/**
 * Strikes a hub under load, which serves all sorts of workers, with all kinds of faults at random.
 */
export function chaos({ seed, minutes, folder, say }: ScenarioOptions): Promise<Scorecard> {
  const random = seeded(seed);
  const hasPython = installPython();
  return Cluster.use({ folder, hub: hubOptions, proxied: true }, async (cluster) => {
    await populate(cluster, random, hasPython);
    const startedAt = machineNow();
    const strikes = await strikeAll(cluster, minutes * 60_000, random, say);
    await cluster.finishClients();
    const tookMs = machineNow() - startedAt;
    await cluster.drain();
    const failures = cluster.failures();
    return judge(readJournals(cluster.folder), strikes, { minutes, tookMs, failures, hasPython });
  });
}

async function populate(cluster: Cluster, random: Random, hasPython: boolean): Promise<void> {
  for (let agents = 0; agents < 3; agents += 1) await cluster.addAgent(2);
  await cluster.addPool(2, 2);
  await cluster.addPool(1, 4);
  await cluster.addPool(2, 1);
  await cluster.addRaw(2);
  for (const transport of ["multiplex", "multiplex", "unary"] as const) {
    const load = { kind: "callers" as const, count: CALLERS };
    const clientSeed = Math.floor(random() * 2 ** 32);
    await cluster.addClient({ seed: clientSeed, transport, load, traffic });
  }
  if (hasPython) {
    await cluster.addPython({ isolation: "thread", count: 1, slots: 2 });
    await cluster.addPython({ isolation: "process", count: 2, slots: 1 });
    const seed = Math.floor(random() * 2 ** 32);
    await cluster.addPythonClient({ seed, transport: "multiplex", callers: CALLERS, traffic });
  }
  await cluster.settled();
}

/** Strikes until the time is up, and waits until everything has healed. */
async function strikeAll(
  cluster: Cluster,
  lengthMs: number,
  random: Random,
  say: (line: string) => void,
): Promise<Strike[]> {
  const strikes: Strike[] = [];
  const startedAt = machineNow();
  const healing: Promise<void>[] = [];
  for (const { atMs, kind } of schedule(Object.keys(faults), lengthMs, PAUSE_MS, random)) {
    await delay(systemClock, startedAt + atMs - machineNow());
    const chance = seeded(Math.floor(random() * 2 ** 32));
    const onHit = (target: string): void => {
      say(`${Math.round((machineNow() - startedAt) / 1000)} s: ${kind} (${target})`);
      strikes.push({ kind, at: machineNow(), target });
    };
    const fault = faults[kind];
    if (fault !== undefined) healing.push(strikeOnce(cluster, fault, chance, onHit));
  }
  await delay(systemClock, startedAt + lengthMs - machineNow());
  await Promise.all(healing);
  return strikes;
}

/** Waits for a target that no other fault is acting on, and strikes it. */
async function strikeOnce(
  cluster: Cluster,
  fault: Fault,
  random: Random,
  onHit: (target: string) => void,
): Promise<void> {
  if (fault.at === "hub") {
    while (cluster.hubStruck) await delay(systemClock, LEASE_TICK_MS);
    cluster.hubStruck = true;
    await fault.strike(cluster, random, onHit);
    cluster.hubStruck = false;
    return;
  }
  const seats = [...cluster.workers, ...cluster.clients];
  for (;;) {
    const free = seats.filter(({ kind, struck }) => fault.kinds.includes(kind) && !struck);
    const seat = oneOf(random, free);
    if (seat !== undefined) {
      seat.struck = true;
      await fault.strike(seat, random, onHit);
      seat.struck = false;
      return;
    }
    await delay(systemClock, LEASE_TICK_MS);
  }
}

function judge(
  notes: Notes,
  strikes: readonly Strike[],
  run: { minutes: number; tookMs: number; failures: readonly string[]; hasPython: boolean },
): Scorecard {
  const violations = check(notes, { maxSubmissions: 3, graceMs: GRACE_MS });
  const covered = { ...coverage(strikes, notes), ...callersCoverage(notes, HURRY_MS) };
  const criteria: Criterion[] = [
    ...safety(violations),
    none("unhurried calls that ended by their deadline", leftToDeadline(notes)),
    none("processes that failed", run.failures),
  ];
  const python = byPython(notes, strikes);
  if (run.hasPython) {
    criteria.push(
      atLeast("requests of the Python client", python.requests, 1),
      atLeast("executions by Python workers", python.executions, 1),
    );
  }
  if (run.minutes >= FULL_MINUTES) {
    const often = Object.values(covered).filter(({ hitsWithWork }) => hitsWithWork >= 5);
    criteria.push(
      atLeast("requests", notes.call.length, 10_000 * run.minutes),
      atLeast("kinds of faults that hit work in flight 5 times", often.length, 8),
    );
  }
  return {
    scenario: "chaos",
    settings: { hub: hubOptions, traffic, minutes: run.minutes },
    figures: {
      requests: notes.call.length,
      requestsPerSecond: Math.round((notes.call.length / run.tookMs) * 1000),
      executions: notes.start.length,
      outcomes: outcomes(notes),
      python: run.hasPython ? python : "not installed",
      faults: covered,
    },
    criteria,
  };
}

/** Counts what the Python processes did, and the faults that hit them. */
function byPython(notes: Notes, strikes: readonly Strike[]) {
  const isPython = (name: string): boolean => name.startsWith("python");
  return {
    requests: notes.call.filter(({ client }) => isPython(client)).length,
    executions: notes.start.filter(({ worker }) => isPython(worker)).length,
    faults: strikes.filter(({ target }) => isPython(target)).length,
  };
}

/**
 * Returns the unhurried calls that only their deadline ended. The faults together last less than
 * that deadline, so the system must have forgotten such a call.
 */
function leftToDeadline(notes: Notes): string[] {
  const unhurried = new Set(
    notes.call.filter(({ timeoutMs }) => timeoutMs > HURRY_MS).map(({ id }) => id),
  );
  return notes.outcome
    .filter(
      ({ id, outcome }) => !outcome.ok && outcome.code === "DEADLINE_EXCEEDED" && unhurried.has(id),
    )
    .map(({ id, outcome }) => `${id}: ${JSON.stringify(outcome)}`);
}
