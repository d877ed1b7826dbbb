import type { Timer } from "../base/clock.js";
import { checkTransition, type Transitions } from "../base/transition.js";
import type { HubConnection } from "./hub-connection.js";

/** The state of a worker loop, with its data and what it has observed. */
export type LoopState =
  | { kind: "new" }
  | { kind: "starting"; executor: "pending" | "ready" | { error: unknown } }
  | { kind: "dialing" | "connected"; current: HubConnection }
  | { kind: "waiting"; timer: Timer; isOver: boolean }
  | { kind: "draining"; timeout: Timer; error: unknown }
  | { kind: "closing"; error: unknown }
  | { kind: "stopping"; executor: "pending" | "stopped"; error: unknown }
  | { kind: "stopped" };

const transitions: Transitions<LoopState["kind"]> = {
  new: ["starting", "stopped"],
  starting: ["dialing", "stopping"],
  dialing: ["connected", "waiting", "draining", "closing"],
  connected: ["dialing", "waiting", "draining", "closing"],
  waiting: ["dialing", "draining", "closing"],
  draining: ["closing", "stopping"],
  closing: ["stopping"],
  stopping: ["stopped"],
  stopped: [],
};

/**
 * Returns `next`, after checking that it may follow `state` and cancelling the timer of `state`.
 *
 * @throws GibbsError INTERNAL / INTERNAL if it may not.
 */
export function follow(state: LoopState, next: LoopState): LoopState {
  checkTransition("a worker", transitions, state.kind, next.kind);
  if (state.kind === "waiting") state.timer.cancel();
  if (state.kind === "draining") state.timeout.cancel();
  return next;
}
