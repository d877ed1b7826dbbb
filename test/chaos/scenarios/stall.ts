import { delay, systemClock } from "../../../src/base/clock.js";
import { check } from "../check.js";
import { Cluster } from "../cluster.js";
import { coverage } from "../coverage.js";
import { type Notes, readJournals } from "../journal.js";
import { machineNow } from "../machine-time.js";
import { outcomes } from "../outcomes.js";
import { atLeast, none, type ScenarioOptions, type Scorecard, safety } from "../scorecard.js";
import { plain } from "../traffic.js";

const STALL_MS = 8000;
const BEFORE_MS = 3000;
const AFTER_MS = 6000;
/** What the hub logs for a new session. */
const CONNECTED = "worker connected";
const traffic = { ...plain, workMs: [500, 3000] as const, timeoutMs: 60_000 };

/** Freezes a hub with default settings while its workers are busy: no worker may be lost. */
export function stall({ seed, folder }: ScenarioOptions): Promise<Scorecard> {
  return Cluster.use({ folder }, async (cluster) => {
    for (let agents = 0; agents < 2; agents += 1) await cluster.addAgent(2);
    for (let pools = 0; pools < 2; pools += 1) await cluster.addPool(2, 2);
    await cluster.addClient({ seed, traffic, load: { kind: "callers", count: 16 } });
    await cluster.settled();
    await delay(systemClock, BEFORE_MS);
    const pidsBefore = pids(cluster);
    const stalledAt = machineNow();
    cluster.hub.signal("SIGSTOP");
    await delay(systemClock, STALL_MS);
    cluster.hub.signal("SIGCONT");
    await delay(systemClock, AFTER_MS);
    const gone = pidsBefore.filter((pid) => !pids(cluster).includes(pid)).map(String);
    await cluster.finishClients();
    return judge(readJournals(cluster.folder), stalledAt, [...gone, ...cluster.failures()]);
  });
}

/** The ids of all worker processes, including agents' children. */
function pids({ workers }: Cluster): number[] {
  return workers.flatMap(({ process }) => [process.pid, ...process.children()]);
}

function judge(notes: Notes, stalledAt: number, gone: readonly string[]): Scorecard {
  const sessions = notes.hub.filter(
    ({ at, fields }) => at >= stalledAt && fields["session"] !== undefined,
  );
  const before = notes.hub.filter(({ at, message }) => at < stalledAt && message === CONNECTED);
  const failed = notes.outcome.filter(({ outcome }) => !outcome.ok);
  const strike = { kind: "hub: stopped 8 s", at: stalledAt, target: "hub" };
  return {
    scenario: "stall",
    settings: { hub: "defaults", stallMs: STALL_MS, traffic },
    figures: { outcomes: outcomes(notes), faults: coverage([strike], notes) },
    criteria: [
      atLeast("sessions before the stall", before.length, 2 + 2 * 2),
      none(
        "sessions that began or ended after the stall began",
        sessions.map(({ message, fields }) => `${fields["workerId"]}: ${message}`),
      ),
      none("processes gone", gone),
      none(
        "calls that failed",
        failed.map(({ id, outcome }) => `${id}: ${JSON.stringify(outcome)}`),
      ),
      ...safety(check(notes, { graceMs: STALL_MS })),
    ],
  };
}
