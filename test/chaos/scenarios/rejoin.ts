import { delay, systemClock } from "../../../src/base/clock.js";
import { Cluster } from "../cluster.js";
import { loadGibbs } from "../gibbs.js";
import { atMost, type ScenarioOptions, type Scorecard } from "../scorecard.js";
import { between, seeded } from "../seeded.js";
import { StartBoard } from "../start-board.js";
import { spread } from "../statistics.js";

const WORKERS_BY_PROCESS = [13, 13, 12, 12];
const ROUNDS = 10;
const AWAY_MS = [0, 3000] as const;
/** Longer than any round: the tasks end by being cancelled. */
const TIMEOUT_MS = 30_000;

/**
 * Kills the hub and starts another in its place, and measures how soon all 50 workers are serving
 * at the same time.
 */
export function rejoin({ seed, folder, say }: ScenarioOptions): Promise<Scorecard> {
  const random = seeded(seed);
  return Cluster.use({ folder }, async (cluster) => {
    const board = new StartBoard();
    for (const count of WORKERS_BY_PROCESS) {
      const seat = await cluster.addPool(count, 1);
      board.watch(seat.process);
    }
    await cluster.settled();
    const rejoinedMs: number[] = [];
    for (let round = 1; round <= ROUNDS; round += 1) {
      await cluster.hub.kill();
      await delay(systemClock, between(random, ...AWAY_MS));
      const listeningAt = await cluster.startHub();
      const servingAt = await allServing(cluster, board, round);
      rejoinedMs.push(servingAt - listeningAt);
      say(`round ${round}: all serve after ${Math.round(servingAt - listeningAt)} ms`);
    }
    return {
      scenario: "rejoin",
      settings: { hub: "defaults", workersByProcess: WORKERS_BY_PROCESS, rounds: ROUNDS },
      figures: { rejoinedMs: spread(rejoinedMs) },
      criteria: [
        atMost("all 50 serve after the new hub listens", Math.max(...rejoinedMs), 2000, "ms"),
      ],
    };
  });
}

/**
 * Returns the time at which every worker had a task: each has one slot, so `count` tasks need all
 * of them.
 */
async function allServing(cluster: Cluster, board: StartBoard, round: number): Promise<number> {
  const { Client } = await loadGibbs();
  const client = new Client(cluster.address);
  const count = WORKERS_BY_PROCESS.reduce((sum, some) => sum + some);
  const ids = Array.from({ length: count }, (_, index) => `round ${round}, ${index}`);
  const starts = ids.map((id) => board.next(id));
  const calls = ids.map((id) =>
    client.request({ id, workMs: 2 * TIMEOUT_MS }, { timeoutMs: TIMEOUT_MS }),
  );
  // The calls end when the client is closed.
  const ended = Promise.allSettled(calls);
  const firstFailure = Promise.all(calls).then((): never[] => []);
  firstFailure.catch(() => {});
  const began = await Promise.race([Promise.all(starts), firstFailure]);
  client.close();
  await ended;
  const workers = new Set(began.map(({ worker }) => worker));
  if (workers.size !== count) throw new Error(`only ${workers.size} workers took ${count} tasks`);
  return Math.max(...began.map(({ at }) => at));
}
