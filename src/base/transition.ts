import { gibbsError } from "./errors/reasons.js";

/** The states of a life cycle, each with those that may follow it. */
export type Transitions<State extends string> = Readonly<Record<State, readonly State[]>>;

/**
 * Checks one step of a life cycle. An illegal one is a bug in this library.
 *
 * @throws GibbsError INTERNAL / INTERNAL.
 */
export function checkTransition<State extends string>(
  what: string,
  transitions: Transitions<State>,
  from: NoInfer<State>,
  to: NoInfer<State>,
): void {
  if (transitions[from].includes(to)) return;
  throw gibbsError("INTERNAL", `${what} cannot go from ${from} to ${to}`);
}
