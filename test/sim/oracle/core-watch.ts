import type { Effect } from "../../../src/hub/core/effect.js";
import { HubCore } from "../../../src/hub/core/hub-core.js";
import type { Ticket } from "../../../src/hub/core/requests/request.js";
import { checkFlushed, checkState, IdleOrder } from "../../core/invariants.js";
import type { World } from "../world.js";

type Method = (...args: unknown[]) => unknown;

/** The events a core accepts, by the names of its methods. */
export const coreEvents: readonly string[] = Object.getOwnPropertyNames(HubCore.prototype).filter(
  (name) => {
    const property = Object.getOwnPropertyDescriptor(HubCore.prototype, name);
    return typeof property?.value === "function" && name !== "constructor";
  },
);

const effects: Record<Effect["kind"], true> = {
  settle: true,
  abandon: true,
  welcome: true,
  job: true,
  cancel: true,
  heartbeat: true,
  drain: true,
  end: true,
};

/** Everything a core can decide. */
export const effectKinds: readonly string[] = Object.keys(effects);

/** Counts a core's events and decisions, and checks its invariants after each event. */
export function watchCore(core: HubCore, world: World): void {
  const idleOrder = new IdleOrder(core);
  const cancel = core.cancel.bind(core);
  const settled: Ticket[] = [];
  let depth = 0;
  for (const name of coreEvents) {
    const original = core[name as keyof HubCore] as Method;
    const watched: Method = (...args) => {
      world.count("core event", name);
      depth += 1;
      const returned = original.apply(core, args);
      depth -= 1;
      if (name === "submit") {
        // A cancel from a caller that was told long ago must do nothing, whatever reuses its place
        // now.
        for (const ticket of settled) cancel(ticket, world.timeline.now);
      }
      if (name === "flush") {
        judgeFlush(core, returned as Effect[], world);
        idleOrder.checkDispatches(returned as Effect[]);
        for (const effect of returned as Effect[]) {
          if (effect.kind === "settle") settled.push(effect.request.seq);
        }
      } else if (depth === 0 && name !== "nextWake") {
        checkState(core);
        idleOrder.update();
      }
      return returned;
    };
    Object.defineProperty(core, name, { value: watched });
  }
}

function judgeFlush(core: HubCore, decided: readonly Effect[], world: World): void {
  checkFlushed(core, world.timeline.now);
  for (const session of core.sessions) {
    if (session.isHeldBack && session.credit > 0) world.count("state", "an idle worker held back");
    if (session.congested) world.count("state", "a worker's socket full");
  }
  for (const effect of decided) {
    world.count("effect", effect.kind);
    if (effect.kind !== "settle") continue;
    const { payload, requestId } = effect.request;
    if (payload.length > 0) {
      world.fail("nothing is left", `the settled ${requestId} keeps its payload`);
    }
  }
}
