import { join } from "node:path";
import { Cluster, type ClusterOptions } from "../cluster.js";
import { machineNow } from "../machine-time.js";
import {
  atMost,
  type Criterion,
  none,
  type ScenarioOptions,
  type Scorecard,
} from "../scorecard.js";
import { type RunningCall, Stage } from "../stage.js";
import { spread } from "../statistics.js";

/** Number of kills for each kind of call. */
const KILLS = 60;
const POOLS = 6;
const SLOTS = 4;
/** How many seats are empty at a time while their new processes start. */
const EMPTY = 3;
/** After this many wrong outcomes there is nothing left to measure. */
const ENOUGH_WRONG = 3;
/** How soon a process's death must be known, in milliseconds. The system reports it at once. */
const KNOWN_MS = 250;

/** Small values, to stop many workers in a short time, and the default values. */
const livenessSettings = [
  { name: "small", rounds: 4, hub: { heartbeatIntervalMs: 500, livenessTimeoutMs: 1500 } },
  { name: "default", rounds: 1, hub: { heartbeatIntervalMs: 2000, livenessTimeoutMs: 10_000 } },
];

/** A part of the scorecard. */
type Part = Pick<Scorecard, "figures" | "criteria">;

/** Measures how soon a worker killed or frozen in the middle of a job is noticed. */
export async function failover({ folder, say }: ScenarioOptions): Promise<Scorecard> {
  const parts = [
    await onStage({ folder: join(folder, "killed") }, (stage) => killWorkers(stage, say)),
  ];
  for (const { name, rounds, hub } of livenessSettings) {
    const boundMs = hub.livenessTimeoutMs + hub.heartbeatIntervalMs;
    say(`stopping workers, ${name} liveness`);
    parts.push(
      await onStage({ folder: join(folder, name), hub }, (stage) =>
        stopWorkers(stage, name, rounds, boundMs),
      ),
    );
  }
  return {
    scenario: "failover",
    settings: { pools: POOLS, slots: SLOTS, kills: 2 * KILLS, liveness: livenessSettings },
    figures: Object.assign({}, ...parts.map(({ figures }) => figures)),
    criteria: parts.flatMap(({ criteria }) => criteria),
  };
}

function onStage(options: ClusterOptions, play: (stage: Stage) => Promise<Part>): Promise<Part> {
  return Cluster.use(options, async (cluster) => {
    const stage = await Stage.open(cluster, POOLS, SLOTS);
    try {
      return await play(stage);
    } finally {
      stage.close();
    }
  });
}

/** Alternates between idempotent calls, which must begin elsewhere, and others, which must fail. */
async function killWorkers(stage: Stage, say: (line: string) => void): Promise<Part> {
  const elsewhereMs: number[] = [];
  const knownMs: number[] = [];
  const wrong: string[] = [];
  const replaced: Promise<void>[] = [];
  for (let kills = 1; kills <= 2 * KILLS && wrong.length < ENOUGH_WRONG; kills += 1) {
    if (kills % 20 === 0) say(`${kills} workers killed`);
    const idempotent = kills % 2 === 0;
    const call = await stage.call(idempotent);
    const killedAt = machineNow();
    call.seat.process.signal("SIGKILL");
    if (idempotent) {
      const { at } = await Promise.race([call.again, call.failed]);
      elsewhereMs.push(at - killedAt);
      call.cancel();
    }
    const { at, error } = await call.failed;
    const expected = idempotent ? "CLIENT_CANCELLED UNKNOWN" : "WORKER_LOST UNKNOWN";
    const known = `${error.reason} ${error.execution}`;
    if (known !== expected) wrong.push(`${known} instead of ${expected}`);
    if (!idempotent) knownMs.push(at - killedAt);
    await call.seat.process.ended;
    replaced.push(stage.replace(call.seat));
    await replaced.at(-EMPTY);
  }
  await Promise.all(replaced);
  const criteria: Criterion[] = [
    atMost("killed: the caller knows, p99", spread(knownMs)["p99Ms"] ?? Number.NaN, KNOWN_MS, "ms"),
    atMost(
      "killed: another worker begins, p99",
      spread(elsewhereMs)["p99Ms"] ?? Number.NaN,
      KNOWN_MS,
      "ms",
    ),
    none("killed: calls that ended wrongly", wrong),
  ];
  const figures = { callerKnows: spread(knownMs), anotherBegins: spread(elsewhereMs) };
  return { figures, criteria };
}

/** Freezes all pools that have a job at once, in each round, and then replaces them. */
async function stopWorkers(
  stage: Stage,
  name: string,
  rounds: number,
  boundMs: number,
): Promise<Part> {
  const knownMs: number[] = [];
  const wrong: string[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const calls = await Promise.all(stage.pools.map(() => stage.call(false)));
    knownMs.push(...(await Promise.all(calls.map((call) => stopAndWait(call, wrong)))));
    for (const { seat } of calls) await seat.process.kill();
    await Promise.all(
      [...new Set(calls.map(({ seat }) => seat))].map((seat) => stage.replace(seat)),
    );
  }
  const criteria: Criterion[] = [
    atMost(
      `stopped, ${name} liveness: the caller knows, at most`,
      Math.max(...knownMs),
      boundMs,
      "ms",
    ),
    none(`stopped, ${name} liveness: calls that ended wrongly`, wrong),
  ];
  return { figures: { [`callerKnowsOfStop, ${name} liveness`]: spread(knownMs) }, criteria };
}

/** Freezes a call's worker. Returns how long it took the caller to learn of it, in milliseconds. */
async function stopAndWait({ seat, failed }: RunningCall, wrong: string[]): Promise<number> {
  const stoppedAt = machineNow();
  seat.process.signal("SIGSTOP");
  const { at, error } = await failed;
  if (error.reason !== "WORKER_LOST") wrong.push(`${error.reason}: ${error.message}`);
  return at - stoppedAt;
}
