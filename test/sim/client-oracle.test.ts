import { describe, expect, it } from "vitest";
import { GibbsError } from "../../src/base/errors/error.js";
import { encodeHubItems } from "../../src/wire/messages/multiplex.js";
import { makeAskedProbe } from "./actors/wish.js";
import { Chance } from "./machine/chance.js";
import { ClientCall } from "./machine/client-call.js";
import { Path } from "./machine/pipe.js";
import { SimProcess } from "./machine/process.js";
import { Asked } from "./oracle/asked.js";
import { ClientOracle } from "./oracle/client-oracle.js";
import { makePlan } from "./plan.js";
import { World } from "./world.js";

const TIMEOUT_MS = 1000;
const STALL_MS = 5000;

/**
 * Simulates a client that is given a request, hears its hub's settings, and `afterMs` later stalls
 * until the request's time is up. Returns the promise that it breaks if it then fails with
 * NO_ANSWER.
 */
function standStill(afterMs: number): string | undefined {
  const world = new World(makePlan(1).parameters.limits, () => {}, false);
  const { timeline } = world;
  const process = new SimProcess(timeline);
  const oracle = new ClientOracle(process, world, { maxPayloadBytes: 1000, patienceMs: 60_000 });
  const path = new Path(new Chance(1), 1, 1);
  // There is no hub: the test decides what the client hears.
  path.blockedUntil.up = Number.MAX_SAFE_INTEGER;
  const call = new ClientCall({ timeline, process, path, highWaterBytes: 100 }, () => undefined);
  oracle.opened(call);
  const { number, input } = makeAskedProbe(1, timeline.now);
  const asked = new Asked(number, input, {}, timeline.now, timeline.now + TIMEOUT_MS);
  oracle.asked(asked);
  const pass = (ms: number): void => {
    const until = timeline.now + ms;
    while (timeline.step(until));
  };
  pass(1);
  const settings = { maxOpenCalls: 10, maxPayloadBytes: 1000 };
  const items = encodeHubItems([{ id: 0, item: { case: "settings", value: settings } }]);
  for (const message of items) call.observer?.heard(message);
  pass(afterMs);
  process.freeze(STALL_MS);
  process.setTimer(0, () => {
    const details = { reason: "NO_ANSWER", execution: "NOT_STARTED" } as const;
    const error = new GibbsError("DEADLINE_EXCEEDED", "no answer", details);
    oracle.told(asked, { kind: "failure", error });
  });
  pass(STALL_MS);
  expect(asked.told).toBeDefined();
  return world.violation?.check;
}

describe("the oracle of a client", () => {
  it("tolerates a client that stalled at the instant at which it could write", () => {
    expect(standStill(0)).toBeUndefined();
  });

  it("expects a client to have written what it could write before it stalled", () => {
    expect(standStill(1)).toBe("founded outcome");
  });
});
