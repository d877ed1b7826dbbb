import type { Timer } from "../base/clock.js";
import { checkTransition, type Transitions } from "../base/transition.js";
import type { HubConnection } from "./hub-connection.js";

/** The state of a worker loop, with its data and what it has observed. */
export type LoopState =
  | { kind: "new" }
  | { kind: "starting"; executor: "pending" | "ready" | { error: unknown } }
  | { kind: "dialing" | "connected" | "closing"; connection: HubConnection }
  | { kind: "draining"; connection: HubConnection; timeout: Timer }
  | { kind: "waiting"; timer: Timer; isOver: boolean }
  | { kind: "stopping"; executor: "pending" | "stopped"; error: unknown }
  | { kind: "stopped" };

const transitions: Transitions<LoopState["kind"]> = {
  new: ["starting", "stopped"],
  starting: ["dialing", "stopping"],
  dialing: ["connected", "waiting", "closing", "stopping"],
  connected: ["draining", "waiting", "closing", "stopping"],
  draining: ["closing", "stopping"],
  closing: ["stopping"],
  waiting: ["dialing", "stopping"],
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
