import { keepOnly, type Plan } from "./plan.js";
import { type Report, simulate } from "./simulation.js";

/**
 * Reduces `items` to a subset for which `fails` still holds, and from which no run of consecutive
 * items can be removed without losing the failure: delta debugging, Zeller and Hildebrandt,
 * "Simplifying and Isolating Failure-Inducing Input", 2002.
 */
export async function minimize<T>(
  items: readonly T[],
  fails: (kept: readonly T[]) => Promise<boolean>,
): Promise<T[]> {
  let kept = [...items];
  let pieces = 2;
  while (kept.length > 0) {
    const size = Math.ceil(kept.length / pieces);
    const smaller = await firstOf(withoutOnePiece(kept, size), fails);
    if (smaller !== undefined) {
      kept = smaller;
      pieces = Math.max(2, pieces - 1);
    } else if (size === 1) return kept;
    else pieces = Math.min(kept.length, pieces * 2);
  }
  return kept;
}

/**
 * Finds the fewest actions of `plan` that break the same promise, and runs them with a recording.
 */
export async function shrink(plan: Plan, check: string): Promise<{ plan: Plan; report: Report }> {
  const indices = plan.actions.map(({ index }) => index);
  const isBroken = async (keep: readonly number[]): Promise<boolean> => {
    const { violation } = await simulate(keepOnly(plan, keep), () => {});
    return violation?.check === check;
  };
  const shortest = keepOnly(plan, await minimize(indices, isBroken));
  return { plan: shortest, report: await simulate(shortest, () => {}, true) };
}

async function firstOf<T>(
  items: readonly T[],
  matches: (item: T) => Promise<boolean>,
): Promise<T | undefined> {
  for (const item of items) if (await matches(item)) return item;
  return undefined;
}

function withoutOnePiece<T>(items: readonly T[], size: number): T[][] {
  const all: T[][] = [];
  for (let from = 0; from < items.length; from += size) {
    all.push([...items.slice(0, from), ...items.slice(from + size)]);
  }
  return all;
}
