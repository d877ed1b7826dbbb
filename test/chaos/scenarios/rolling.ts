import { delay, systemClock } from "../../../src/base/clock.js";
import { check } from "../check.js";
import { Cluster } from "../cluster.js";
import { readJournals } from "../journal.js";
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
import { plain } from "../traffic.js";

const traffic = { ...plain, workMs: [2, 8] as const, timeoutMs: 20_000 };
const CLIENTS = 2;
const RATE = 250;
const REST_MS = 3000;

/**
 * Restarts every worker, one after another, and then the hub, under load, as a deployment does: no
 * call may fail.
 */
export function rolling({ seed, folder, say }: ScenarioOptions): Promise<Scorecard> {
  return Cluster.use({ folder }, async (cluster) => {
    for (let agents = 0; agents < 4; agents += 1) await cluster.addAgent(2);
    await cluster.settled();
    const startedAt = machineNow();
    for (let client = 0; client < CLIENTS; client += 1) {
      const load = { kind: "rate" as const, perSecond: RATE };
      await cluster.addClient({ seed: seed + client, traffic, load });
    }
    await cluster.settled();
    await delay(systemClock, REST_MS);
    for (const seat of cluster.workers) {
      say(`restarting ${seat.occupant}`);
      seat.process.signal("SIGTERM");
      await seat.process.ended;
      await seat.start().ready;
    }
    await delay(systemClock, REST_MS);
    say("restarting the hub");
    const drainedAt = machineNow();
    cluster.hub.signal("SIGTERM");
    await cluster.hub.ended;
    const endedAt = machineNow();
    const listeningAt = await cluster.startHub();
    await delay(systemClock, 2 * REST_MS);
    const seconds = (machineNow() - startedAt) / 1000;
    await cluster.finishClients();
    const notes = readJournals(cluster.folder);
    const failed = notes.outcome.filter(({ outcome }) => !outcome.ok);
    return {
      scenario: "rolling",
      settings: {
        hub: "defaults",
        workers: "4 agents of 2",
        clients: CLIENTS,
        rate: RATE,
        traffic,
      },
      figures: {
        calls: notes.call.length,
        outcomes: outcomes(notes),
        hubDrainMs: Math.round(endedAt - drainedAt),
      },
      criteria: [
        atLeast("calls per second", notes.call.length / seconds, 0.9 * CLIENTS * RATE),
        atMost("the hub was away", listeningAt - endedAt, 2000, "ms"),
        none(
          "calls that failed",
          failed.map(({ id, outcome }) => `${id}: ${JSON.stringify(outcome)}`),
        ),
        none("processes that failed", cluster.failures()),
        ...safety(check(notes, { graceMs: 5000 })),
      ],
    };
  });
}
