import type { ClientProcess } from "./actors/client-process.js";
import type { WorkerKind } from "./actors/executor.js";
import { Rogue } from "./actors/rogue.js";
import { RogueClient } from "./actors/rogue-client.js";
import { METHODS, makeAsked, makeWish } from "./actors/wish.js";
import type { WorkerProcess } from "./actors/worker-process.js";
import { Chance } from "./machine/chance.js";
import { KEEPALIVE_MS } from "./machine/connection.js";
import type { Asked } from "./oracle/asked.js";
import type { Action } from "./plan.js";
import type { World } from "./world.js";

/** What can go wrong. */
export const faults = [
  "connection cut",
  "half-open connection",
  "black hole",
  "slow link",
  "worker crash",
  "crash loop",
  "machine crash",
  "worker freeze",
  "worker leaves",
  "connection goes away",
  "slot vanishes",
  "rogue worker",
  "callers gone",
  "slow reader",
  "client connection cut",
  "client connection goes away",
  "client black hole",
  "client does not read",
  "client freeze",
  "client crash",
  "client closes",
  "rogue client",
  "hub stall",
  "hub drain",
  "hub crash",
] as const;

/** One of {@link faults}. */
export type Fault = (typeof faults)[number];

/** The building blocks of a plan. */
export type ActionKind = "worker" | "requests" | "client requests" | Fault;

/** How long a connection goes on after its GOAWAY, in milliseconds. */
const GRACES_MS = [1, 100, 3000, 60_000] as const;

/** Performs an action of the plan; its details are drawn from the action's own seed. */
export function perform(world: World, { kind, seed }: Action): void {
  const chance = new Chance(seed);
  if (kind === "worker") return void world.addWorker(makeKind(chance, seed), seed);
  if (kind === "requests") return submitSome(world, chance);
  if (kind === "client requests") return askSome(world, chance.any([...world.callers]), chance);
  if (happens(world, kind, chance)) world.fault(kind);
}

/** A worker that serves every method, with room for every payload. */
export function healthyKind(workerId: string): WorkerKind {
  const methods = METHODS.map((name) => ({ name, idempotent: undefined }));
  const maxReceiveBytes = 1_000_000;
  return { workerId, slots: 2, isPool: true, blocks: false, methods, maxReceiveBytes };
}

function makeKind(chance: Chance, seed: number): WorkerKind {
  const blocks = chance.flip(0.25);
  const served = METHODS.filter(() => chance.flip(0.6));
  const names = served.length === 0 ? [chance.pick(METHODS)] : served;
  const idempotent = chance.pick([undefined, true, false]);
  return {
    // Labels need not be unique.
    workerId: `w${chance.flip(0.8) ? seed % 1000 : 0}`,
    slots: blocks ? 1 : chance.pick([1, 1, 2, 8]),
    isPool: !blocks && chance.flip(0.6),
    blocks,
    methods: names.map((name) => ({ name, idempotent })),
    maxReceiveBytes: chance.flip(0.3) ? 16 * 1024 + chance.int(20, 600) : 1_000_000,
  };
}

function submitSome(world: World, chance: Chance): void {
  const count = chance.flip(0.2) ? chance.int(2, 12) : 1;
  for (let index = 0; index < count; index += 1) {
    const cancelAfterMs = chance.flip(0.15) ? chance.pick([0, 1, 20, 200, 3000]) : undefined;
    world.submit((number) => makeWish(number, chance, world.limits.maxPayloadBytes), cancelAfterMs);
  }
}

function askSome(world: World, client: ClientProcess | undefined, chance: Chance): void {
  if (client === undefined) return;
  const count = chance.flip(0.25) ? chance.int(2, 10) : 1;
  for (let index = 0; index < count; index += 1) {
    const cancelAfterMs = chance.flip(0.15) ? chance.pick([0, 1, 20, 200, 3000]) : undefined;
    const make = (number: number, now: number): Asked =>
      makeAsked(number, now, chance, world.limits.maxPayloadBytes);
    world.ask(client, make, cancelAfterMs);
  }
}

/** Makes a fault happen. Returns whether there was anything for it to hit. */
function happens(world: World, fault: Fault, chance: Chance): boolean {
  const { now } = world.timeline;
  switch (fault) {
    case "rogue worker":
      world.rogues.add(new Rogue(world, chance.seed));
      return true;
    case "slow reader": {
      const client = chance.any(world.clients);
      if (client !== undefined) client.deafUntil = now + chance.pick([500, 3000, 20_000]);
      return true;
    }
    case "callers gone":
      return world.callersGo(chance);
    case "rogue client":
      world.rogueClients.add(new RogueClient(world, chance.seed));
      return true;
    case "client connection cut":
    case "client connection goes away":
    case "client black hole":
    case "client does not read":
    case "client freeze":
    case "client crash":
    case "client closes": {
      const client = chance.any([...world.callers]);
      return client !== undefined && harmClient(world, client, fault, chance);
    }
    case "hub stall":
    case "hub drain":
    case "hub crash":
      return harmHub(world, fault, chance);
    default: {
      const worker = chance.any([...world.workers]);
      return worker !== undefined && harmWorker(world, worker, fault, chance);
    }
  }
}

function harmHub({ hub }: World, fault: Fault, chance: Chance): boolean {
  if (hub === undefined) return false;
  if (fault === "hub stall") hub.process.freeze(chance.pick([50, 1500, 9000, 20_000]));
  else if (fault === "hub crash") hub.kill();
  else hub.process.input(hub.process.now(), () => hub.drain());
  return true;
}

function harmClient(world: World, client: ClientProcess, fault: Fault, chance: Chance): boolean {
  const { link, path, process } = client;
  const { now } = world.timeline;
  // Gives the client something to lose.
  askSome(world, client, chance);
  const later = chance.pick([0, 1, 20, 200]);
  switch (fault) {
    case "client connection cut": {
      const learn = (): number => chance.pick([0, 1, 500, 3000, 9000]);
      const how = { hubAfterMs: learn(), peerAfterMs: learn(), losesAll: chance.flip(0.5) };
      world.harmLater(later, () => link.cut(how));
      return true;
    }
    case "client connection goes away": {
      const graceMs = chance.pick(GRACES_MS);
      world.harmLater(later, () => link.goAway(graceMs));
      return true;
    }
    case "client black hole": {
      const until = now + chance.pick([200, 2000, 7000]);
      if (chance.flip(0.7)) path.blockedUntil.up = until;
      if (chance.flip(0.7)) path.blockedUntil.down = until;
      return true;
    }
    case "client does not read":
      // By then its streams are open and its requests in flight.
      world.harmLater(later, () => {
        path.blockedUntil.down = now + chance.pick([500, 3000, 20_000]);
      });
      // After a stall, the hub finds many of its answers due at once.
      if (chance.flip(0.4)) {
        world.harmLater(later + 80, () => {
          world.hub?.process.freeze(world.limits.slowReaderTimeoutMs);
        });
      }
      // Its further requests are answered too, and those answers stay unread.
      for (let at = 0; at < 2000; at += 500) {
        world.harmLater(at, () => askSome(world, client, chance));
      }
      return true;
    case "client freeze":
      process.freeze(chance.pick([100, 2000, 8000]));
      return true;
    case "client crash":
      world.harmLater(later, () => client.die(chance.flip(0.3)));
      return true;
    case "client closes":
      world.harmLater(later, () => client.close());
      return true;
    default:
      return false;
  }
}

function harmWorker(world: World, worker: WorkerProcess, fault: Fault, chance: Chance): boolean {
  const { path, process } = worker;
  const connection = chance.any(worker.streams)?.connection;
  const now = world.timeline.now;
  switch (fault) {
    case "connection cut": {
      const learn = (): number => chance.pick([0, 1, 500, 3000]);
      connection?.cut({
        hubAfterMs: learn(),
        peerAfterMs: learn(),
        losesAll: chance.flip(0.5),
      });
      return connection !== undefined;
    }
    case "half-open connection": {
      const isHubBlind = chance.flip(0.6);
      connection?.cut({
        hubAfterMs: isHubBlind ? KEEPALIVE_MS : 10,
        peerAfterMs: isHubBlind ? 10 : KEEPALIVE_MS,
        losesAll: true,
      });
      return connection !== undefined;
    }
    case "black hole": {
      const until = now + chance.pick([200, 2000, 7000, 20_000]);
      const direction = chance.pick(["up", "down", "both"]);
      if (direction !== "down") path.blockedUntil.up = until;
      if (direction !== "up") path.blockedUntil.down = until;
      return true;
    }
    case "slow link":
      path.slow(20, chance.pick([100, 600]));
      return true;
    case "worker crash":
      worker.die(false);
      return true;
    case "crash loop":
      world.doomed.set(worker.kind.workerId, chance.int(3, 5));
      // Supplies jobs for it to die of, again and again.
      for (let at = 0; at < 5000; at += 500) {
        world.harmLater(at, () => submitSome(world, chance));
      }
      return true;
    case "machine crash":
      worker.die(true);
      return true;
    case "worker freeze":
      process.freeze(chance.pick([100, 2000, 8000, 15_000, 40_000]));
      return true;
    case "worker leaves":
      // Jobs that cross its drain event.
      submitSome(world, chance);
      worker.leave();
      return true;
    case "connection goes away": {
      // Jobs that it has, and jobs that cross its drain event.
      submitSome(world, chance);
      const [later, graceMs] = [chance.pick([0, 1, 5, 20]), chance.pick(GRACES_MS)];
      world.harmLater(later, () => connection?.goAway(graceMs));
      world.harmLater(later, () => submitSome(world, chance));
      return connection !== undefined;
    }
    case "slot vanishes":
      return worker.loseSlot();
    default:
      return false;
  }
}
