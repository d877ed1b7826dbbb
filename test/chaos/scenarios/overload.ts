import { delay, systemClock } from "../../../src/base/clock.js";
import { check } from "../check.js";
import { Cluster } from "../cluster.js";
import { type Note, type Notes, readJournals } from "../journal.js";
import { machineNow } from "../machine-time.js";
import { outcomes } from "../outcomes.js";
import {
  atLeast,
  atMost,
  none,
  type ScenarioOptions,
  type Scorecard,
  safety,
} from "../scorecard.js";
import { quantile, spread } from "../statistics.js";
import { plain } from "../traffic.js";

const WORKERS = 4;
const WORK_MS = 20;
/** The maximum number of requests per second that the workers can handle. */
const CAPACITY = (WORKERS * 1000) / WORK_MS;
/**
 * Room for one second's work: a caller that would wait longer is better off being refused at once.
 */
const hubOptions = { maxQueued: CAPACITY };
const traffic = { ...plain, workMs: [WORK_MS, WORK_MS] as const, timeoutMs: 2000 };
const FLOODERS = 2;
const FLOOD_RATE = 1000;
const PROBE_RATE = 20;
const FLOOD_MS = 60_000;
const CALM_MS = 8000;
const SAMPLE_MS = 500;
const WINDOW_MS = 1000;

/** When the flood began and ended, on the machine's clock, and the hub's memory in between. */
interface Flood {
  from: number;
  to: number;
  residentMiB: number[];
}

/**
 * Offers ten times the load that the workers can handle, from callers that do not wait for answers.
 */
export function overload({ seed, folder }: ScenarioOptions): Promise<Scorecard> {
  return Cluster.use({ folder, hub: hubOptions }, async (cluster) => {
    await cluster.addAgent(WORKERS);
    await cluster.settled();
    const probe = await cluster.addClient({ seed, traffic, load: rate(PROBE_RATE) });
    await cluster.settled();
    await delay(systemClock, CALM_MS);
    const flood = await floodHub(cluster, seed);
    await delay(systemClock, CALM_MS);
    probe.process.tell({ kind: "stop" });
    await probe.process.ended;
    flood.residentMiB.push(cluster.hub.residentMiB());
    const card = judge(readJournals(cluster.folder), probe.occupant, flood);
    return {
      ...card,
      criteria: [...card.criteria, none("processes that failed", cluster.failures())],
    };
  });
}

function rate(perSecond: number): { kind: "rate"; perSecond: number } {
  return { kind: "rate", perSecond };
}

async function floodHub(cluster: Cluster, seed: number): Promise<Flood> {
  const residentMiB = [cluster.hub.residentMiB()];
  const flooders = [];
  for (let flooder = 1; flooder <= FLOODERS; flooder += 1) {
    const load = rate(FLOOD_RATE);
    flooders.push(await cluster.addClient({ seed: seed + flooder, traffic, load }));
  }
  await cluster.settled();
  const from = machineNow();
  while (machineNow() < from + FLOOD_MS) {
    await delay(systemClock, SAMPLE_MS);
    residentMiB.push(cluster.hub.residentMiB());
  }
  for (const { process } of flooders) process.tell({ kind: "stop" });
  const to = machineNow();
  await Promise.all(flooders.map(({ process }) => process.ended));
  return { from, to, residentMiB };
}

function judge(notes: Notes, probe: string, flood: Flood): Scorecard {
  const { from, to, residentMiB } = flood;
  const seconds = (to - from) / 1000;
  const during = ({ at }: Note): boolean => from <= at && at < to;
  const offered = notes.call.filter(during).length / seconds;
  const goodput = notes.outcome.filter((note) => during(note) && note.outcome.ok).length / seconds;
  const unhinted = notes.outcome.filter(
    ({ outcome }) =>
      !outcome.ok && outcome.code === "RESOURCE_EXHAUSTED" && outcome.retryAfterMs === undefined,
  );
  const probes = latencies(notes, probe);
  const normalMs = quantile(latenciesIn(probes, 0, from), 0.5);
  const half = residentMiB.length / 2;
  const [firstHalf, secondHalf] = [residentMiB.slice(0, half), residentMiB.slice(half)];
  return {
    scenario: "overload",
    settings: { hub: hubOptions, capacity: CAPACITY, floodMs: FLOOD_MS, traffic },
    figures: {
      offeredPerSecond: Math.round(offered),
      outcomes: outcomes(notes),
      residentMiB: {
        start: Math.round(residentMiB[0] ?? 0),
        max: Math.round(Math.max(...residentMiB)),
        end: Math.round(residentMiB.at(-1) ?? 0),
      },
      latencyBefore: spread(latenciesIn(probes, 0, from)),
      latencyDuring: spread(latenciesIn(probes, from, to)),
      latencyAfter: spread(latenciesIn(probes, to + WINDOW_MS, Number.POSITIVE_INFINITY)),
    },
    criteria: [
      atLeast("offered per second", offered, 9 * CAPACITY),
      atLeast("goodput per second", goodput, 0.8 * CAPACITY),
      none(
        "refusals without a retry hint",
        unhinted.map(({ id, outcome }) => `${id}: ${JSON.stringify(outcome)}`),
      ),
      atMost("the hub's peak memory", Math.max(...residentMiB), 400, "MiB"),
      atMost(
        "memory in the second half, as a share of the first half's",
        (Math.max(...secondHalf) / Math.max(...firstHalf)) * 100,
        120,
        "%",
      ),
      atMost("latency is normal again after", recoveryMs(probes, to, normalMs), 3000, "ms"),
      ...safety(check(notes, { graceMs: 3000 })),
    ],
  };
}

/** A probe call. Times in milliseconds. */
interface Probe {
  at: number;
  tookMs: number;
}

/** Returns all of a client's calls; an unanswered one has infinite latency. */
function latencies(notes: Notes, client: string): Probe[] {
  const ends = new Map(notes.outcome.map((note) => [note.id, note]));
  return notes.call
    .filter((call) => call.client === client)
    .map(({ id, at }) => {
      const end = ends.get(id);
      return { at, tookMs: end?.outcome.ok ? end.at - at : Number.POSITIVE_INFINITY };
    });
}

/** Returns the latencies, in milliseconds, of answered calls that began within a time span. */
function latenciesIn(probes: readonly Probe[], from: number, to: number): number[] {
  return probes
    .filter(({ at, tookMs }) => from <= at && at < to && Number.isFinite(tookMs))
    .map(({ tookMs }) => tookMs);
}

/**
 * Returns the time from the end of the flood to the start of the first second whose median is at
 * most twice the normal one.
 */
function recoveryMs(probes: readonly Probe[], floodEndedAt: number, normalMs: number): number {
  const after = probes.filter(({ at }) => at >= floodEndedAt);
  const normal = after.find(({ at }) => {
    const window = after.filter((probe) => at <= probe.at && probe.at < at + WINDOW_MS);
    return (
      quantile(
        window.map(({ tookMs }) => tookMs),
        0.5,
      ) <=
      2 * normalMs
    );
  });
  return (normal?.at ?? Number.POSITIVE_INFINITY) - floodEndedAt;
}
