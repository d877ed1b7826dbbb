import { delay, systemClock } from "../../src/base/clock.js";
import type { Random } from "../../src/base/random.js";
import { blackHole, type Conditions } from "../support/tcp-link.js";
import { type Direction, directions } from "../support/tcp-proxy.js";
import type { Cluster } from "./cluster.js";
import type { Seat } from "./seat.js";
import { between, oneOf } from "./seeded.js";

/** Called when the fault hits its target: a process, a worker, or `hub`. */
type OnHit = (target: string) => void;

type AtHub = (cluster: Cluster, random: Random, onHit: OnHit) => Promise<void>;
type AtSeat = (seat: Seat, random: Random, onHit: OnHit) => Promise<void>;

/** A kind of fault. Its `strike` inflicts the fault, keeps it up for a while, and heals it. */
export type Fault =
  | { at: "hub"; strike: AtHub }
  | { at: "seat"; kinds: readonly Seat["kind"][]; strike: AtSeat };

const python = ["python", "python agent"] as const;
const workers = ["agent", "pool", "raw", ...python] as const;
const clients = ["client", "python client"] as const;
const everybody = [...workers, ...clients] as const;

/** The shortest and longest time that a seat stays empty, in milliseconds. */
const AWAY_MS = [100, 1000] as const;

/** All kinds of faults, by name. */
export const faults: Readonly<Record<string, Fault>> = {
  "agent: kill -9": at(["agent"], replaced("SIGKILL")),
  "agent's child: kill -9": at(["agent"], childKilled),
  "pool: kill -9": at(["pool"], replaced("SIGKILL")),
  "raw worker: kill -9": at(["raw"], replaced("SIGKILL")),
  "worker: stopped, shorter than liveness": at(workers, stopped(1500)),
  "worker: stopped, longer than liveness": at(workers, stopped(5000)),
  "worker: SIGTERM": at(workers, replaced("SIGTERM")),
  "Python worker: kill -9": at(python, replaced("SIGKILL")),
  "Python worker's child: kill -9": at(["python agent"], childKilled),
  "Python worker: stopped": at(python, stopped(1500)),
  "Python worker: SIGTERM": at(python, replaced("SIGTERM")),
  "Python worker: GOAWAY, and a cut later": at(python, goAway),
  "client: kill -9": at(clients, replaced("SIGKILL")),
  "Python client: GOAWAY, and a cut later": at(["python client"], goAway),
  "Python client: reset": at(["python client"], reset),
  "hub: stopped 3 s": { at: "hub", strike: hubStopped(3000) },
  "hub: stopped 8 s": { at: "hub", strike: hubStopped(8000) },
  "hub: kill -9": { at: "hub", strike: hubReplaced("SIGKILL") },
  "hub: SIGTERM": { at: "hub", strike: hubReplaced("SIGTERM") },
  "network: latency": at(everybody, suffering({ latencyMs: 80, jitterMs: 120 }, directions)),
  "network: slices": at(everybody, suffering({ sliceBytes: 7 }, directions)),
  "network: throttle": at(everybody, suffering({ bytesPerSecond: 16 * 1024 }, directions)),
  "network: reset": at(everybody, reset),
  "network: GOAWAY, and a cut later": at(everybody, goAway),
  "network: black hole to the hub": at(everybody, suffering(blackHole, ["toHub"])),
  "network: black hole from the hub": at(everybody, suffering(blackHole, ["fromHub"])),
  "network: black hole": at(everybody, suffering(blackHole, directions)),
  "network: half-open, the hub never told": at(everybody, halfOpen("dialler")),
  "network: half-open, the other never told": at(everybody, halfOpen("hub")),
  "network: accepts and says nothing": at(everybody, closedDoor("mute")),
  "network: refuses": at(everybody, closedDoor("shut")),
};

function at(kinds: readonly Seat["kind"][], strike: AtSeat): Fault {
  return { at: "seat", kinds, strike };
}

function hubStopped(lengthMs: number): AtHub {
  return async ({ hub }, _random, onHit) => {
    onHit("hub");
    hub.signal("SIGSTOP");
    await delay(systemClock, lengthMs);
    hub.signal("SIGCONT");
  };
}

function hubReplaced(signal: "SIGKILL" | "SIGTERM"): AtHub {
  return async (cluster, random, onHit) => {
    onHit("hub");
    cluster.hub.signal(signal);
    await cluster.hub.ended;
    await away(random);
    await cluster.startHub();
  };
}

function replaced(signal: "SIGKILL" | "SIGTERM"): AtSeat {
  return async (seat, random, onHit) => {
    await seat.process.listening;
    onHit(seat.occupant);
    seat.process.signal(signal);
    await seat.process.ended;
    await away(random);
    seat.start();
  };
}

/** Kills a child, which its parent replaces. */
async function childKilled({ process: parent, occupant }: Seat, random: Random, onHit: OnHit) {
  const child = oneOf(random, parent.children());
  if (child === undefined) return;
  onHit(`${occupant}/${child}`);
  process.kill(child, "SIGKILL");
}

function stopped(lengthMs: number): AtSeat {
  return async ({ process, occupant }, _random, onHit) => {
    await process.listening;
    onHit(occupant);
    process.signal("SIGSTOP");
    await delay(systemClock, lengthMs);
    process.signal("SIGCONT");
  };
}

async function reset({ proxy, occupant }: Seat, _random: Random, onHit: OnHit): Promise<void> {
  onHit(occupant);
  proxy.reset();
}

/** Announces the end of a seat's connections, as a proxy does that limits their age, and cuts them. */
async function goAway({ proxy, occupant }: Seat, random: Random, onHit: OnHit): Promise<void> {
  onHit(occupant);
  const leaving = proxy.goAway();
  await delay(systemClock, between(random, 500, 5000));
  for (const connection of leaving) connection.reset();
}

function suffering(conditions: Partial<Conditions>, where: readonly Direction[]): AtSeat {
  return async ({ proxy, occupant }, random, onHit) => {
    onHit(occupant);
    for (const direction of where) proxy.set(direction, conditions);
    await delay(systemClock, between(random, 1000, 6000));
    await proxy.heal();
  };
}

function halfOpen(side: "dialler" | "hub"): AtSeat {
  return async ({ proxy, occupant }, random, onHit) => {
    onHit(occupant);
    const severed = [...proxy.connections];
    for (const connection of severed) connection.halfClose(side);
    await delay(systemClock, between(random, 1000, 8000));
    for (const connection of severed) connection.reset();
  };
}

function closedDoor(door: "mute" | "shut"): AtSeat {
  return async ({ proxy, occupant }, random, onHit) => {
    onHit(occupant);
    await proxy.setDoor(door);
    proxy.reset();
    await delay(systemClock, between(random, 500, 3000));
    await proxy.heal();
  };
}

async function away(random: Random): Promise<void> {
  await delay(systemClock, between(random, ...AWAY_MS));
}
