import { gibbsError } from "./errors/reasons.js";

/** The states of a life cycle, each with its possible successors. */
export type Transitions<State extends string> = Readonly<Record<State, readonly State[]>>;

/** Checks one transition of a life cycle. An illegal one is a bug in this library. */
export function checkTransition<State extends string>(
  what: string,
  transitions: Transitions<State>,
  from: NoInfer<State>,
  to: NoInfer<State>,
): void {
  if (transitions[from].includes(to)) return;
  throw gibbsError("INTERNAL", `${what} cannot go from ${from} to ${to}`);
}
