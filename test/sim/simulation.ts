import { AssertionError } from "node:assert";
import { systemClock } from "../../src/base/clock.js";
import { clientFixed } from "../../src/client/options.js";
import { healthyKind, perform } from "./actions.js";
import type { ClientProcess } from "./actors/client-process.js";
import { METHODS, makeAskedProbe, makeProbe } from "./actors/wish.js";
import type { WorkerProcess } from "./actors/worker-process.js";
import type { Path } from "./machine/pipe.js";
import type { SimProcess } from "./machine/process.js";
import type { Timeline } from "./machine/timeline.js";
import type { Asked } from "./oracle/asked.js";
import type { Call } from "./oracle/call.js";
import type { Plan } from "./plan.js";
import { type Count, type Violation, World } from "./world.js";

/** The result of one run. */
export interface Report {
  seed: number;
  /** How many things happened: timers, messages, inspections. */
  steps: number;
  virtualMs: number;
  violation: Violation | undefined;
  /** What happened, line by line, if recorded. */
  history: readonly string[];
}

/** How long recovery may take once the faults are over, in virtual milliseconds. */
const HEAL_MS = 120_000;

/** The maximum size of a probe, in bytes. */
const PROBE_BYTES = 100;
const MAX_PROBES = 12;

/** No run that terminates takes more steps than this. */
const MAX_STEPS = 300_000;

/**
 * Runs a plan from its start, through its faults, until the system has recovered and then shut
 * down.
 */
export async function simulate(plan: Plan, count: Count, records = false): Promise<Report> {
  const { stackTraceLimit } = Error;
  const { maxUnsentBytes } = clientFixed;
  // Errors are created by the thousand; only a recorded run needs their stacks.
  Error.stackTraceLimit = records ? stackTraceLimit : 0;
  const world = new World(plan.parameters.limits, count, records);
  const startedAt = world.timeline.now;
  // Small enough to run out, and for a leak to be noticed.
  Object.assign(clientFixed, { maxUnsentBytes: plan.parameters.limits.maxUnsentBytes });
  try {
    await disturb(world, plan);
    await heal(world);
    await probe(world);
    await sayGoodbye(world);
  } catch (error) {
    const check = error instanceof AssertionError ? "the core's invariants" : "no exception";
    world.fail(check, error instanceof Error ? (error.stack ?? error.message) : String(error));
  } finally {
    Object.assign(clientFixed, { maxUnsentBytes });
    Error.stackTraceLimit = stackTraceLimit;
  }
  return {
    seed: plan.seed,
    steps: world.timeline.steps,
    virtualMs: world.timeline.now - startedAt,
    violation: world.violation,
    history: world.history ?? [],
  };
}

/**
 * Lets time pass until `isDone()` returns true or a promise is broken, for at most `forMs`. Returns
 * false if that was too short.
 */
async function run(world: World, forMs: number, isDone: () => boolean): Promise<boolean> {
  const { timeline } = world;
  const until = timeline.now + forMs;
  while (world.violation === undefined) {
    if (timeline.mustSettle) await settle(timeline);
    if (isDone()) return true;
    if (!timeline.step(until)) return isDone();
    if (timeline.steps > MAX_STEPS) world.fail("the run ends", "the world does not come to rest");
  }
  return true;
}

/** Lets promises settle, as Node does before anything else happens. */
function settle(timeline: Timeline): Promise<void> {
  timeline.mustSettle = false;
  return new Promise((resolve) => systemClock.afterInput(resolve));
}

async function disturb(world: World, { actions }: Plan): Promise<void> {
  for (const action of actions) {
    world.later(action.at, () => {
      world.log(() => `#${action.index} ${action.kind}`);
      perform(world, action);
    });
  }
  await run(world, (actions.at(-1)?.at ?? 0) + 100, () => false);
}

/** Ends every fault, adds a healthy worker, and waits for recovery. */
async function heal(world: World): Promise<void> {
  if (world.violation !== undefined) return;
  world.log(() => "the faults are over");
  world.isHealing = true;
  for (const rogue of [...world.rogues, ...world.rogueClients]) rogue.die();
  for (const { path, process } of world.callers) mend(path, process);
  const surplus = [...world.workers].slice(world.limits.maxWorkers - 1);
  for (const worker of surplus) worker.die(false);
  for (const worker of [...world.workers]) repair(worker);
  for (const connection of world.connections) {
    connection.endGrace();
    connection.unblocked();
  }
  world.timeline.mustSettle = true;
  world.hub?.process.thaw();
  for (const client of world.clients) client.deafUntil = 0;
  repair(world.addWorker(healthyKind("healthy"), 1));
  await expectWell(world);
}

/** Waits for recovery, and reports what is still wrong if that takes too long. */
async function expectWell(world: World): Promise<void> {
  if (await run(world, HEAL_MS, () => isWell(world))) return;
  const open = [...world.calls, ...world.asked].filter((call) => call.isOpen).map(String);
  const ill = [...world.workers].filter((worker) => !isWellServed(world, worker));
  const what = ill.map(
    ({ kind, executor }) => `${kind.workerId} (${executor.free} of ${kind.slots} free)`,
  );
  const strays = [...(world.hub?.oracle.books.streams ?? [])].map(String);
  world.fail(
    "everything recovers in the end",
    [...open, ...what, ...strays].join("; ") || "no hub",
  );
}

function repair({ path, process, executor }: WorkerProcess): void {
  mend(path, process);
  executor.heal();
}

function mend(path: Path, process: SimProcess): void {
  path.blockedUntil.up = 0;
  path.blockedUntil.down = 0;
  path.slow(0.125, 1);
  process.thaw();
}

/**
 * Whether every call has its outcome and its answer, and the hub knows exactly the workers' slots.
 */
function isWell(world: World): boolean {
  const isOpen = (one: Call | Asked): boolean => one.isOpen;
  if (world.hub?.isServing !== true) return false;
  if (world.calls.some(isOpen) || world.asked.some(isOpen)) return false;
  const { streams, unread } = world.hub.oracle.books;
  if (streams.size > world.workers.size || unread.size > 0) return false;
  if (![...world.callers].every(({ link }) => link.isWhole)) return false;
  return [...world.workers].every((worker) => isWellServed(world, worker));
}

function isWellServed({ hub }: World, worker: WorkerProcess): boolean {
  const { kind, executor, streams, isLeaving } = worker;
  const [open] = streams;
  if (isLeaving || executor.free !== kind.slots) return false;
  if (streams.length !== 1 || open?.connection.isWhole !== true) return false;
  const stream = hub?.streamOf(open.connection);
  if (stream?.phase !== "serving" || stream.jobs.size > 0) return false;
  if (hub?.oracle.books.crashLoops.heldUntil(kind.workerId) !== 0) return false;
  return stream.credit === Math.min(kind.slots, stream.maxSlots);
}

/**
 * Checks that the faults left no trace: new requests are served, as many at once as there are
 * slots.
 */
async function probe(world: World): Promise<void> {
  if (world.violation !== undefined) return;
  for (const { process, kind } of world.workers) {
    // The one timer is the watchdog for a silent hub, which may be about to fire.
    if (process.pendingTimers <= 1) continue;
    world.fail("nothing is left", `the idle ${kind.workerId} has ${process.pendingTimers} timers`);
  }
  for (const method of METHODS) {
    const calls = Array.from({ length: probesFor(world, method) }, () =>
      world.submit((number) => makeProbe(number, method), undefined),
    );
    await run(world, HEAL_MS, () => calls.every((call) => !call.isOpen));
    for (const call of calls) {
      if (call.told?.kind !== "answer") world.fail("new requests are served", `${call}`);
    }
    await expectWell(world);
  }
  for (const client of world.callers) await probeClient(world, client);
}

async function probeClient(world: World, client: ClientProcess): Promise<void> {
  const before = world.asked.length;
  world.ask(client, makeAskedProbe);
  await run(world, HEAL_MS, () => world.asked[before]?.isOpen === false);
  const asked = world.asked[before];
  if (asked?.told?.kind !== "answer") world.fail("new requests are served", `${asked}`);
  await expectWell(world);
}

/**
 * The number of requests for `method` that use every slot, up to the number that the hub accepts at
 * once.
 */
function probesFor({ hub, limits }: World, method: string): number {
  let slots = 0;
  for (const stream of hub?.oracle.books.streams ?? []) {
    if (stream.serves(method)) slots += stream.credit;
  }
  const fitting = Math.floor(limits.maxHeldBytes / PROBE_BYTES);
  return Math.max(1, Math.min(slots, limits.maxQueued, fitting, MAX_PROBES));
}

/** Stops all workers, after which nothing of any peer may remain. */
async function sayGoodbye(world: World): Promise<void> {
  if (world.violation !== undefined) return;
  for (const worker of world.workers) worker.leave();
  const { hub } = world;
  const isGone = (): boolean => hub?.hasForgotten === true && hub.process.pendingTimers === 0;
  const areAtRest = (): boolean => [...world.callers].every(isClientAtRest);
  if (!(await run(world, HEAL_MS, areAtRest))) {
    world.fail("nothing is left", "a client does not come to rest");
  }
  if (!(await run(world, HEAL_MS, isGone))) {
    world.fail("nothing is left", "the hub does not come to rest");
  }
  hub?.checkIdle();
}

function isClientAtRest({ oracle, process }: ClientProcess): boolean {
  return oracle.isAtRest && process.pendingTimers === 0;
}
