import { delay, systemClock } from "../../../src/base/clock.js";
import type { GibbsError } from "../../../src/base/errors/error.js";
import { loadGibbs } from "../gibbs.js";
import { type CallOutcome, Journal } from "../journal.js";
import { machineNow } from "../machine-time.js";
import { seeded } from "../seeded.js";
import type { Task, TaskAnswer } from "../task.js";
import { type CallPlan, type Load, nextCall } from "../traffic.js";
import { liveAsLongAsParent } from "./lifetime.js";
import { type ClientSettings, settings } from "./settings.js";

/** Calls the hub until told to stop, and records every call and its outcome. */

/** How often a load generator checks the clock, in milliseconds. */
const TICK_MS = 5;

/**
 * The longest delay that a load generator catches up on, in milliseconds. Catching up on more would
 * cause a burst that no scenario asked for; the calls left out show up as a lower total.
 */
const MAX_BURST_MS = 100;

/** How long a caller waits after a failed call, in milliseconds. */
const PAUSE_MS = 20;

/** How long after its deadline a call is given up for lost, in milliseconds. */
const GIVE_UP_MS = 15_000;

const { journals, name, hub, seed, transport, load, traffic } = settings<ClientSettings>();
const journal = new Journal(journals, name);
const random = seeded(seed);
const open = new Set<Promise<boolean>>();
let calls = 0;
let stopped = false;

const { Client, GibbsError: KnownError } = await loadGibbs();
const client = new Client(hub, transport === undefined ? {} : { transport });
liveAsLongAsParent();
void generate(load);
process.send?.({ kind: "ready" });
await new Promise((resolve) => process.once("message", resolve));
stopped = true;
await Promise.race([Promise.all(open), delay(systemClock, traffic.timeoutMs + GIVE_UP_MS)]);
journal.write({ kind: "finished", at: machineNow(), client: name });
process.exit();

async function generate(wanted: Load): Promise<void> {
  if (wanted.kind === "callers") {
    const caller = async (): Promise<void> => {
      while (!stopped) {
        if (!(await call())) await delay(systemClock, PAUSE_MS);
      }
    };
    await Promise.all(Array.from({ length: wanted.count }, caller));
    return;
  }
  let lookedAt = machineNow();
  let due = 0;
  while (!stopped) {
    const now = machineNow();
    due += (Math.min(now - lookedAt, MAX_BURST_MS) / 1000) * wanted.perSecond;
    lookedAt = now;
    for (; due >= 1; due -= 1) void call();
    await delay(systemClock, TICK_MS);
  }
}

/** Makes a call. Resolves when it has ended, with whether it was answered. */
function call(): Promise<boolean> {
  calls += 1;
  const made = make(`${name}:${calls}`, nextCall(traffic, random));
  open.add(made);
  return made.finally(() => open.delete(made));
}

async function make(id: string, plan: CallPlan): Promise<boolean> {
  const { workMs, fails, timeoutMs, idempotent, paddingBytes, cancelAfterMs } = plan;
  const padding = "x".repeat(paddingBytes);
  const task: Task = { id, workMs, ...(fails && { fails }), ...(padding && { padding }) };
  const done = new AbortController();
  const cancel = new AbortController();
  if (cancelAfterMs !== undefined) {
    void delay(systemClock, cancelAfterMs, done.signal).then(() => cancel.abort());
  }
  journal.write({ kind: "call", at: machineNow(), id, client: name, idempotent, timeoutMs });
  const outcome = await client
    .requestWithInfo<TaskAnswer>({ ...task }, { idempotent, timeoutMs, signal: cancel.signal })
    .then(
      ({ output: answer, requestId, attempts }): CallOutcome => ({
        ok: true,
        answer,
        requestId,
        attempts,
      }),
      describe,
    );
  journal.write({ kind: "outcome", at: machineNow(), id, outcome });
  done.abort();
  return outcome.ok;
}

function describe(thrown: unknown): CallOutcome {
  if (!(thrown instanceof KnownError)) throw thrown;
  const { code, reason, execution, attempts, requestId, retryAfterMs, message }: GibbsError =
    thrown;
  return { ok: false, code, reason, execution, attempts, requestId, retryAfterMs, message };
}
